import ConnectionStore
import HTTPWire
import Messaging

/// The row of one open event stream, in one partition with those of other users: a user's are found by the beginning of
/// their sort keys, all of them by reading each shard. `Docs/data-model.md`.
enum EventStreamRow {
  enum Attribute {
    static let version = "v"
    static let writer = "writer"
    static let at = "at"
    static let user = "user"
    static let route = "route"
    static let role = "role"
    static let client = "client"
    static let keys = "keys"
    static let correlation = "correlation"
    static let aliveUntil = "alive"
    static let gone = "gone"
  }

  static let prefix = "es#"
  /// A row counts for so long after it was refreshed: what a function that died has left counts 30 s at the longest.
  static let aliveMilliseconds: Int64 = 25_000
  /// A row stands for so long after that: a sweep finds it and says that the stream was lost, and who was evicted learns it.
  static let keptSeconds: Int64 = 180

  static func partition(shard: Int) -> String { "\(prefix)\(shard)" }

  /// A user's streams stand in one partition. Those of nobody are spread by their own names.
  static func key(user: String?, route: String, openedAtMilliseconds at: Int64, shards: Int) -> ItemKey {
    let sort = "\(userPrefix(user))\(PercentEncoding.encode(route))#\(at)"
    let shard = Shard.index(ofText: user ?? sort, count: shards)
    return ItemKey(partition: partition(shard: shard), sort: sort)
  }

  static func query(user: String, shards: Int) -> Query {
    Query(
      partition: partition(shard: Shard.index(ofText: user, count: shards)), sort: .prefix(userPrefix(user)))
  }

  /// No encoded name holds a `#`, and no user's is empty.
  private static func userPrefix(_ user: String?) -> String { "\(user.map(PercentEncoding.encode) ?? "")#" }

  /// `writer`: which write this is, for one whose answer was lost.
  static func item(_ record: EventStreamRecord, writer: String, shards: Int) -> Item {
    var item = Item(
      key: record.key(shards: shards),
      attributes: [
        Attribute.version: .number(1), Attribute.writer: .string(writer),
        Attribute.at: .number(record.openedAtMilliseconds),
        Attribute.route: .string(record.route),
        Attribute.aliveUntil: .number(record.refreshedAtMilliseconds + aliveMilliseconds),
      ], expires: record.refreshedAtMilliseconds / 1_000 + keptSeconds)
    if let user = record.user { item[Attribute.user] = .string(user) }
    if let role = record.role { item[Attribute.role] = .string(role.rawValue) }
    if let client = record.clientName { item[Attribute.client] = .string(client) }
    if !record.keyHashes.isEmpty { item[Attribute.keys] = .bytes(StringList.encode(record.keyHashes)) }
    if let correlation = record.correlationID { item[Attribute.correlation] = .string(correlation.text) }
    return item
  }

  static func isWritten(_ item: Item?, by writer: String) -> Bool {
    item?.string(Attribute.writer)?.hasSameBytes(as: writer) ?? false
  }

  /// It is still being sent.
  static func refreshed(atMilliseconds now: Int64) -> Change {
    var change = Change()
    change.set[Attribute.aliveUntil] = .number(now + aliveMilliseconds)
    change.expires = .at(now / 1_000 + keptSeconds)
    return change
  }

  /// It has to end, and counts no longer; its function reads why.
  static func ended(_ reason: DisconnectReason, atMilliseconds now: Int64) -> Change {
    var change = Change()
    change.set[Attribute.gone] = .string(reason.rawValue)
    change.set[Attribute.aliveUntil] = .number(now)
    change.expires = .at(now / 1_000 + keptSeconds)
    return change
  }

  static let isOpen = Condition.all([.exists, .lacks(Attribute.gone)])

  /// Nobody has refreshed it since it was read.
  static func isUnchanged(_ record: EventStreamRecord) -> Condition {
    .equals(Attribute.aliveUntil, .number(record.aliveUntilMilliseconds))
  }
}

extension EventStreamRecord {
  private typealias Attribute = EventStreamRow.Attribute

  func key(shards: Int) -> ItemKey {
    storedKey
      ?? EventStreamRow.key(user: user, route: route, openedAtMilliseconds: openedAtMilliseconds, shards: shards)
  }

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard item.number(Attribute.version) == 1, let at = item.number(Attribute.at),
      let route = item.string(Attribute.route), let aliveUntil = item.number(Attribute.aliveUntil)
    else { return nil }
    self.init(
      route: route, user: item.string(Attribute.user), role: item.string(Attribute.role).flatMap(Role.init),
      clientName: item.string(Attribute.client),
      keyHashes: item.bytes(Attribute.keys).flatMap(StringList.decode) ?? [],
      correlationID: item.string(Attribute.correlation).flatMap(CorrelationID.init), openedAtMilliseconds: at)
    aliveUntilMilliseconds = aliveUntil
    storedKey = item.key
    endReason = item.string(Attribute.gone).map { DisconnectReason(rawValue: $0) ?? .unknown }
  }
}
