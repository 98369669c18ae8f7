import ConnectionStore
import Messaging

/// The row that says what was done with an access key, and when. `Docs/data-model.md`.
enum KeyChangeRow {
  enum Attribute {
    static let version = "v"
    static let action = "action"
    static let hash = "hash"
    static let at = "at"
    static let user = "user"
    static let role = "role"
  }

  /// The partition of all changes.
  static let partition = "aa"
  static let keptSeconds: Int64 = 400 * 24 * 60 * 60

  static func item(_ action: String, stored: StoredKey, atMilliseconds now: Int64) -> Item {
    var item = Item(
      key: ItemKey(partition: partition, sort: "\(now)#\(stored.hash.prefix(16))#\(action)"),
      attributes: [
        Attribute.version: .number(1), Attribute.action: .string(action), Attribute.hash: .string(stored.hash),
        Attribute.at: .number(now),
      ], expires: now / 1000 + keptSeconds)
    if let user = stored.grant.principal.user { item[Attribute.user] = .string(user) }
    if let role = stored.grant.principal.role { item[Attribute.role] = .string(role.rawValue) }
    return item
  }
}

extension KeyChange {
  private typealias Attribute = KeyChangeRow.Attribute

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let action = item.string(Attribute.action), let hash = item.string(Attribute.hash),
      let at = item.number(Attribute.at)
    else { return nil }
    self.action = action
    self.hash = hash
    user = item.string(Attribute.user)
    role = item.string(Attribute.role)
    atMilliseconds = at
  }
}
