import ConnectionStore
import JSON
package import Messaging

/// What of a topic a listener wants, and the name it wants it by.
package struct ListenerFilter: Equatable, Sendable {
  /// Empty: everything; else the keys that begin with one of these.
  package let prefixes: [String]
  package let shownAs: String?

  package init(prefixes: [String] = [], shownAs: String? = nil) {
    self.prefixes = prefixes
    self.shownAs = shownAs
  }

  /// Whether an event that was looked for under a topic passes.
  func passes(_ topic: Topic, event: Event) -> Bool {
    switch topic {
    case .type: passes(key: event.key)
    case .key, .user, .group, .accessKey, .ending: true
    }
  }

  /// An event without a key begins with no prefix.
  package func passes(key: String?) -> Bool {
    prefixes.isEmpty || prefixes.contains { key?.hasBytePrefix($0) ?? false }
  }
}

/// One row under a topic: all that a delivery to this connection needs, so that a sender reads nothing else.
package struct ListenerRow: Equatable, Sendable {
  package let id: ConnectionID
  package let dialect: Dialect
  package let role: Role?
  /// Milliseconds since the epoch: a young connection that answers 410 is not yet established.
  package let connectedAtMilliseconds: Int64
  /// Milliseconds since the epoch from which on nothing may be sent to it; nil: no end.
  package let untilMilliseconds: Int64?
  /// Until then, in milliseconds since the epoch, its delivery may be paused: it may lag without having
  /// been so when the round began. Nil: it is not.
  package let pausedUntilMilliseconds: Int64?
  package let filter: ListenerFilter
  package let accepts: Accepts

  /// For so long after a change of subscriptions a sender looks once more whether the connection lags when it meets the
  /// listener. Longer than clocks differ.
  static let attentionMilliseconds: Int64 = 60_000

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let id = ConnectionID(item.key.sort), let connectedAt = item.number("at") else { return nil }
    self.id = id
    dialect = item.string("dialect").flatMap(Dialect.init) ?? .typed
    role = item.string("role").flatMap(Role.init)
    connectedAtMilliseconds = connectedAt
    untilMilliseconds = item.number("until")
    pausedUntilMilliseconds = item.number("pausedUntil")
    accepts = Accepts(rawValue: item.number("accepts") ?? 0)
    filter = ListenerFilter(prefixes: Self.prefixes(item.bytes("prefixes")), shownAs: item.string("as"))
  }

  static func item(
    _ key: ItemKey, of connection: ConnectionRecord, filter: ListenerFilter
  ) -> Item {
    var item = Item(key: key, attributes: ["v": .number(1), "at": .number(connection.connectedAtMilliseconds)])
    item.expires = connection.expires
    if connection.dialect != .typed { item["dialect"] = .string(connection.dialect.rawValue) }
    if !connection.accepts.isEmpty { item["accepts"] = .number(connection.accepts.rawValue) }
    if let until = connection.untilMilliseconds { item["until"] = .number(until) }
    if let pausedUntil = connection.pausedUntilMilliseconds { item["pausedUntil"] = .number(pausedUntil) }
    if let role = connection.principal.role { item["role"] = .string(role.rawValue) }
    if let shownAs = filter.shownAs { item["as"] = .string(shownAs) }
    if !filter.prefixes.isEmpty { item["prefixes"] = .bytes(StringList.encode(filter.prefixes)) }
    return item
  }

  private static func prefixes(_ bytes: [UInt8]?) -> [String] { bytes.flatMap(StringList.decode) ?? [] }
}

/// A list of strings as one attribute.
enum StringList {
  static func encode(_ list: [String]) -> [UInt8] {
    var writer = JSONWriter()
    writer.array { writer in
      for text in list { writer.string(text) }
    }
    return writer.bytes
  }

  static func decode(_ bytes: [UInt8]) -> [String]? {
    var reader = JSONReader(bytes)
    var list: [String] = []
    do {
      try reader.beginArray()
      while try reader.nextElement() { list.append(try reader.string()) }
      try reader.end()
      return list
    } catch {
      return nil
    }
  }
}
