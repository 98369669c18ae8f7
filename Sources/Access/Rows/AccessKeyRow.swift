import ConnectionStore
import Messaging

/// The two rows of an access key: under its hash, where a handshake finds it with one read, and in the partition of all keys,
/// for listing. Both have the same attributes. `Docs/data-model.md`.
enum AccessKeyRow {
  enum Attribute {
    static let version = "v"
    static let created = "created"
    static let label = "label"
    static let user = "user"
    static let role = "role"
    static let until = "until"
    static let groups = "groups"
  }

  static let prefix = "a#"
  static let sort = "a"
  /// The partition of all keys.
  static let listPartition = "a"

  static func key(hash: String) -> ItemKey { ItemKey(partition: "\(prefix)\(hash)", sort: sort) }

  static func listKey(hash: String) -> ItemKey { ItemKey(partition: listPartition, sort: hash) }

  /// It expires with the key.
  static func item(_ key: ItemKey, stored: StoredKey) -> Item {
    let grant = stored.grant
    var item = Item(
      key: key,
      attributes: [
        Attribute.version: .number(1), Attribute.created: .number(stored.createdMilliseconds),
        Attribute.label: .string(grant.label),
      ], expires: grant.expires)
    if let user = grant.principal.user { item[Attribute.user] = .string(user) }
    if let role = grant.principal.role { item[Attribute.role] = .string(role.rawValue) }
    if let expires = grant.expires { item[Attribute.until] = .number(expires) }
    if !grant.principal.groups.isEmpty { item[Attribute.groups] = .bytes(StringList.encode(grant.principal.groups)) }
    return item
  }
}

extension StoredKey {
  private typealias Attribute = AccessKeyRow.Attribute

  /// Nil for a row that this release does not understand: such a key opens nothing.
  init?(_ item: Item, hash: String) {
    guard item.number(Attribute.version) == 1, let created = item.number(Attribute.created) else { return nil }
    var groups: [String] = []
    if let bytes = item.bytes(Attribute.groups) {
      guard let list = StringList.decode(bytes) else { return nil }
      groups = list
    }
    let principal = Principal(
      user: item.string(Attribute.user), role: item.string(Attribute.role).flatMap(Role.init), groups: groups)
    self.init(
      hash: hash,
      grant: KeyGrant(
        principal: principal, expires: item.number(Attribute.until), label: item.string(Attribute.label) ?? ""),
      createdMilliseconds: created)
  }
}
