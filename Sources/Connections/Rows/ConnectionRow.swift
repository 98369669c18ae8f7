package import ConnectionStore
package import Messaging

/// The row of one connection; a tombstone once it has left. `Docs/data-model.md`.
package enum ConnectionRow {
  enum Attribute {
    static let version = "v"
    static let revision = "rev"
    static let writer = "writer"
    static let at = "at"
    static let address = "address"
    static let dialect = "dialect"
    static let subscriptions = "subs"
    static let asked = "asked"
    static let user = "user"
    static let role = "role"
    static let unknownRole = "unknownRole"
    static let groups = "groups"
    static let accepts = "accepts"
    static let client = "client"
    static let until = "until"
    static let keys = "keys"
    static let correlation = "correlation"
    static let bucket = "bucket"
    static let owed = "owed"
    static let shards = "shards"
    static let greeted = "greeted"
    static let lastActivity = "lastActivity"
    static let pings = "pings"
    static let pingedAt = "pingedAt"
    static let pongs = "pongs"
    static let gone = "gone"
  }

  static let prefix = "c#"
  static let sort = "c"
  /// API Gateway closes a connection after two hours; a quarter of an hour more covers clocks and late invocations.
  static let lifetimeSeconds: Int64 = 2 * 60 * 60 + 15 * 60
  /// How long a tombstone stands: the longest an invocation can come late (29 s), with room.
  static let tombstoneSeconds: Int64 = 5 * 60

  static func partition(id: ConnectionID) -> String { "\(prefix)\(id.text)" }

  package static func key(id: ConnectionID) -> ItemKey { ItemKey(partition: partition(id: id), sort: sort) }

  /// A process that ends the connection does not know over how many partitions its rows are spread.
  static func item(_ record: ConnectionRecord, writer: String, shards: Int) -> Item {
    var item = Item(
      key: key(id: record.id),
      attributes: [
        Attribute.version: .number(1), Attribute.revision: .number(record.revision), Attribute.writer: .string(writer),
        Attribute.at: .number(record.connectedAtMilliseconds), Attribute.address: .string(record.sourceAddress),
        Attribute.dialect: .string(record.dialect.rawValue),
        Attribute.subscriptions: .bytes(record.subscriptions.encoded()),
        Attribute.lastActivity: .number(record.liveness.lastActivityMilliseconds),
      ], expires: record.expires)
    if record.subscriptions.hasAsked { item[Attribute.asked] = .number(1) }
    if let user = record.principal.user { item[Attribute.user] = .string(user) }
    if let role = record.principal.role { item[Attribute.role] = .string(role.rawValue) }
    if let role = record.principal.unknownRole { item[Attribute.unknownRole] = .string(role) }
    if !record.principal.groups.isEmpty { item[Attribute.groups] = .bytes(StringList.encode(record.principal.groups)) }
    if !record.accepts.isEmpty { item[Attribute.accepts] = .number(record.accepts.rawValue) }
    if let clientName = record.clientName { item[Attribute.client] = .string(clientName) }
    if let until = record.untilMilliseconds { item[Attribute.until] = .number(until) }
    if !record.keyHashes.isEmpty { item[Attribute.keys] = .bytes(StringList.encode(record.keyHashes)) }
    if let correlationID = record.correlationID { item[Attribute.correlation] = .string(correlationID.text) }
    if shards > 1 { item[Attribute.shards] = .number(Int64(shards)) }
    if let greeted = record.greeting.number { item[Attribute.greeted] = .number(greeted) }
    return item
  }

  /// What may change while a connection lives.
  static func change(_ record: ConnectionRecord, writer: String) -> Change {
    var change = Change()
    change.set = [
      Attribute.subscriptions: .bytes(record.subscriptions.encoded()), Attribute.revision: .number(record.revision),
      Attribute.writer: .string(writer), Attribute.accepts: .number(record.accepts.rawValue),
      Attribute.bucket: .number(record.bucket.fullAtMilliseconds),
    ]
    if record.subscriptions.hasAsked { change.set[Attribute.asked] = .number(1) }
    if !record.owed.isEmpty { change.set[Attribute.owed] = .bytes(StringList.encode(record.owed)) }
    if let until = record.untilMilliseconds { change.set[Attribute.until] = .number(until) }
    return change
  }

  /// The state of all that was owed was shown.
  static func settled() -> Change {
    var change = Change()
    change.remove = [Attribute.owed]
    return change
  }

  /// Makes the row a tombstone, also where there is none.
  static func leaving(at nowSeconds: Int64) -> Change {
    var change = leavingKnown(at: nowSeconds)
    change.createsItem = true
    change.expiresOnCreation = nowSeconds + tombstoneSeconds
    return change
  }

  /// The same of a row that was read: it is not made where there is none.
  static func leavingKnown(at nowSeconds: Int64) -> Change {
    var change = Change()
    change.add[Attribute.gone] = 1
    change.add[Attribute.revision] = 1
    change.expires = .at(nowSeconds + tombstoneSeconds)
    return change
  }

  /// No process changed the row since it was read.
  static func isUnchanged(revision: Int64) -> Condition { .equals(Attribute.revision, .number(revision)) }

  static func isTombstone(_ item: Item) -> Bool { item[Attribute.gone] != nil }

  /// A tombstone that was none before the change that answered this.
  static func isFirstTombstone(_ item: Item) -> Bool { item.number(Attribute.gone) == 1 }

  static func isWritten(_ item: Item?, by writer: String) -> Bool { item?.string(Attribute.writer) == writer }

  /// Over how many partitions its listener rows were spread.
  static func shards(of item: Item) -> Int { Int(item.number(Attribute.shards) ?? 1) }
}

extension ConnectionRecord {
  private typealias Attribute = ConnectionRow.Attribute

  /// Nil for a tombstone that never had a connection, and for what this release does not understand.
  init?(_ item: Item, id: ConnectionID) {
    guard let connectedAt = item.number(Attribute.at), let revision = item.number(Attribute.revision),
      var subscriptions = item.bytes(Attribute.subscriptions).flatMap(Subscriptions.init(decoding:))
    else { return nil }
    // The release before did not write it.
    subscriptions.hasAsked = item[Attribute.asked] != nil || !subscriptions.active.isEmpty
    self.init(
      id: id,
      principal: Principal(
        user: item.string(Attribute.user),
        roleNamed: item.string(Attribute.role) ?? item.string(Attribute.unknownRole),
        groups: item.bytes(Attribute.groups).flatMap(StringList.decode) ?? []),
      dialect: item.string(Attribute.dialect).flatMap(Dialect.init) ?? .typed,
      clientName: item.string(Attribute.client), sourceAddress: item.string(Attribute.address) ?? "",
      connectedAtMilliseconds: connectedAt, untilMilliseconds: item.number(Attribute.until),
      keyHashes: item.bytes(Attribute.keys).flatMap(StringList.decode) ?? [],
      correlationID: item.string(Attribute.correlation).flatMap(CorrelationID.init), subscriptions: subscriptions)
    self.revision = revision
    accepts = Accepts(rawValue: item.number(Attribute.accepts) ?? 0)
    owed = item.bytes(Attribute.owed).flatMap(StringList.decode) ?? []
    bucket = TokenBucket(fullAtMilliseconds: item.number(Attribute.bucket) ?? 0)
    greeting = GreetingState(number: item.number(Attribute.greeted))
    liveness = Liveness(
      lastActivityMilliseconds: item.number(Attribute.lastActivity) ?? connectedAt,
      unansweredPings: item.number(Attribute.pings) ?? 0, pingedAtMilliseconds: item.number(Attribute.pingedAt),
      hasPonged: item[Attribute.pongs] != nil)
    expires = item.expires
  }
}
