import ConnectionStore
import Messaging

/// The row of a ticket, under the hash of its text. `Docs/data-model.md`.
enum TicketRow {
  enum Attribute {
    static let version = "v"
    static let user = "user"
    static let role = "role"
    static let groups = "groups"
    static let scopes = "scopes"
    static let keys = "keys"
    static let secret = "secret"
    static let openBy = "openBy"
    static let until = "until"
    static let holder = "holder"
  }

  static let prefix = "tk#"
  static let sort = "tk"
  /// A row stands so long after its end: clocks differ.
  static let graceSeconds: Int64 = 60

  static func key(hash: String) -> ItemKey { ItemKey(partition: "\(prefix)\(hash)", sort: sort) }

  /// Until it is opened it stands for as long as it may be.
  static func item(_ stored: StoredTicket, hash: String) -> Item {
    var item = Item(
      key: key(hash: hash),
      attributes: [
        Attribute.version: .number(1), Attribute.secret: .bytes(stored.secret),
        Attribute.openBy: .number(stored.openByMilliseconds), Attribute.until: .number(stored.untilMilliseconds),
      ], expires: stored.openByMilliseconds / 1_000 + graceSeconds)
    let (identity, principal) = (stored.identity, stored.identity.principal)
    if let user = principal.user { item[Attribute.user] = .string(user) }
    if let role = principal.role { item[Attribute.role] = .string(role.rawValue) }
    if !principal.groups.isEmpty { item[Attribute.groups] = .bytes(StringList.encode(principal.groups)) }
    if !identity.scopes.isEmpty { item[Attribute.scopes] = .bytes(StringList.encode(identity.scopes)) }
    if !identity.keyHashes.isEmpty { item[Attribute.keys] = .bytes(StringList.encode(identity.keyHashes)) }
    return item
  }

  /// One stream takes it, from then on until its end.
  static func taken(by holder: String, untilMilliseconds until: Int64) -> Change {
    var change = Change()
    change.set[Attribute.holder] = .string(holder)
    change.expires = .at(until / 1_000 + graceSeconds)
    return change
  }

  /// Nobody has taken it since it was read. `holder`: who had it then.
  static func isTaken(by holder: String?) -> Condition {
    guard let holder else { return .all([.exists, .lacks(Attribute.holder)]) }
    return .equals(Attribute.holder, .string(holder))
  }
}

extension StoredTicket {
  private typealias Attribute = TicketRow.Attribute

  /// Nil for a row that this release does not understand: such a ticket opens nothing.
  init?(_ item: Item) {
    guard item.number(Attribute.version) == 1, let secret = item.bytes(Attribute.secret), !secret.isEmpty,
      let openBy = item.number(Attribute.openBy), let until = item.number(Attribute.until),
      let groups = Self.list(item, name: Attribute.groups), let scopes = Self.list(item, name: Attribute.scopes),
      let keys = Self.list(item, name: Attribute.keys)
    else { return nil }
    let principal = Principal(
      user: item.string(Attribute.user), role: item.string(Attribute.role).flatMap(Role.init), groups: groups)
    identity = Identity(principal: principal, scopes: scopes, untilMilliseconds: until, keyHashes: keys)
    self.secret = secret
    openByMilliseconds = openBy
    untilMilliseconds = until
    holder = item.string(Attribute.holder)
  }

  /// Empty where there is none, nil for what is no list.
  private static func list(_ item: Item, name: String) -> [String]? {
    guard let bytes = item.bytes(name) else { return [] }
    return StringList.decode(bytes)
  }
}
