package import ConnectionStore
package import Messaging

/// One row under a topic: all that a delivery to this connection needs, so that a sender reads nothing else.
/// `Docs/data-model.md`.
package struct ListenerRow: Equatable, Sendable {
  enum Attribute {
    static let version = "v"
    static let at = "at"
    static let dialect = "dialect"
    static let role = "role"
    static let accepts = "accepts"
    static let until = "until"
    static let pausedUntil = "pausedUntil"
    static let shownAs = "as"
    static let prefixes = "prefixes"
    static let client = "client"
    static let user = "user"
    static let wants = "wants"
  }

  static let prefix = "l#"

  package static func partition(_ topic: Topic, shard: Int) -> String { "\(prefix)\(topic.name)#\(shard)" }

  /// The listeners of one topic are spread over the shards, unless they are few.
  package static func key(_ topic: Topic, id: ConnectionID, shards: Int) -> ItemKey {
    let shard = Shard.index(of: id, count: topic.isInOnePartition ? 1 : shards)
    return ItemKey(partition: partition(topic, shard: shard), sort: id.text)
  }

  package let id: ConnectionID
  package let dialect: Dialect
  package let role: Role?
  /// Its user, which stands in the row under `Topic.everyone` alone: every other reader knows the user, or needs none.
  package let user: String?
  /// Milliseconds since the epoch: a young connection that answers 410 is not yet established.
  package let connectedAtMilliseconds: Int64
  /// Milliseconds since the epoch from which on nothing may be sent to it; nil: no end.
  package let untilMilliseconds: Int64?
  /// Until then, in milliseconds since the epoch, its delivery may be paused: it may lag without having
  /// been so when the round began. Nil: it is not.
  package let pausedUntilMilliseconds: Int64?
  package let filter: ListenerFilter
  /// The name the client gave itself, which stands in the row under its user's topic alone.
  package let clientName: String?
  package let accepts: Accepts

  /// For so long after a change of subscriptions a sender looks once more whether the connection lags when it meets the
  /// listener. Longer than clocks differ.
  static let attentionMilliseconds: Int64 = 60_000

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    let values = Values(item.attributes)
    guard let id = ConnectionID(item.key.sort), let connectedAt = values.at else { return nil }
    self.id = id
    dialect = values.dialect.flatMap(Dialect.init) ?? .typed
    role = values.role.flatMap(Role.init)
    user = values.user
    connectedAtMilliseconds = connectedAt
    untilMilliseconds = values.until
    pausedUntilMilliseconds = values.pausedUntil
    accepts = Accepts(rawValue: values.accepts ?? 0)
    clientName = values.client
    guard let wants = values.wants else {
      filter = ListenerFilter(prefixes: Self.prefixes(values.prefixes), shownAs: values.shownAs)
      return
    }
    guard let asked = ListenerFilter.decode(wants) else { return nil }
    filter = ListenerFilter(asked: asked)
  }

  /// The attributes in one pass: a row has four of the dozen as a rule, and a sender reads a row for each delivery, so looking
  /// for each of them by its name would cost more than all that is read.
  private struct Values {
    var at, until, pausedUntil, accepts: Int64?
    var dialect, role, user, client, shownAs: String?
    var prefixes, wants: [UInt8]?

    init(_ attributes: [String: Value]) {
      for (name, value) in attributes {
        switch value {
        case .number(let number): set(number, of: name)
        case .string(let text): set(text, of: name)
        case .bytes(let bytes): set(bytes, of: name)
        }
      }
    }

    private mutating func set(_ number: Int64, of name: String) {
      switch name {
      case Attribute.at: at = number
      case Attribute.accepts: accepts = number
      case Attribute.until: until = number
      case Attribute.pausedUntil: pausedUntil = number
      default: break
      }
    }

    private mutating func set(_ text: String, of name: String) {
      switch name {
      case Attribute.role: role = text
      case Attribute.dialect: dialect = text
      case Attribute.shownAs: shownAs = text
      case Attribute.user: user = text
      case Attribute.client: client = text
      default: break
      }
    }

    private mutating func set(_ bytes: [UInt8], of name: String) {
      switch name {
      case Attribute.wants: wants = bytes
      case Attribute.prefixes: prefixes = bytes
      default: break
      }
    }
  }

  /// It expires with the connection's own row.
  static func item(
    _ key: ItemKey, of connection: ConnectionRecord, under topic: Topic, filter: ListenerFilter
  ) -> Item {
    var item = Item(
      key: key, attributes: [Attribute.version: .number(1), Attribute.at: .number(connection.connectedAtMilliseconds)])
    item.expires = connection.expires
    if connection.dialect != .typed { item[Attribute.dialect] = .string(connection.dialect.rawValue) }
    if !connection.accepts.isEmpty { item[Attribute.accepts] = .number(connection.accepts.rawValue) }
    if let until = connection.untilMilliseconds { item[Attribute.until] = .number(until) }
    if topic.mayBePaused, let pausedUntil = connection.pausedUntilMilliseconds {
      item[Attribute.pausedUntil] = .number(pausedUntil)
    }
    if let role = connection.principal.role { item[Attribute.role] = .string(role.rawValue) }
    if topic == .everyone, let user = connection.principal.user { item[Attribute.user] = .string(user) }
    if case .user = topic, let client = connection.clientName { item[Attribute.client] = .string(client) }
    if let shownAs = filter.shownAs { item[Attribute.shownAs] = .string(shownAs) }
    if let asked = filter.asked { item[Attribute.wants] = .bytes(ListenerFilter.encode(asked)) }
    if !filter.prefixes.isEmpty { item[Attribute.prefixes] = .bytes(StringList.encode(filter.prefixes)) }
    return item
  }

  private static func prefixes(_ bytes: [UInt8]?) -> [String] { bytes.flatMap(StringList.decode) ?? [] }
}
