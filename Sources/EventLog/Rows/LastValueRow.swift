import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row with the newest event of one key of a type. `Docs/data-model.md`.
struct LastValueRow {
  enum Attribute {
    static let version = "v"
    static let position = "position"
    static let epoch = "epoch"
    static let sequence = "seq"
    static let event = "event"
  }

  static let prefix = "v#"
  /// As long as a stream's head: prices of a month ago are still the newest there are.
  static let keptSeconds = LogHeadRow.keptSeconds

  static func partition(type: String, shard: Int) -> String { "\(prefix)\(PercentEncoding.encode(type))#\(shard)" }

  static func key(type: String, key: String, shards: Int) -> ItemKey {
    ItemKey(
      partition: partition(type: type, shard: Shard.index(ofText: key, count: shards)),
      sort: PercentEncoding.encode(key))
  }

  static func item(_ key: ItemKey, logged: LoggedEvent, epoch: String, expires: Int64) -> Item {
    Item(
      key: key,
      attributes: [
        Attribute.version: .number(1), Attribute.position: position(logged, epoch: epoch),
        Attribute.epoch: .string(epoch), Attribute.sequence: .number(logged.sequence),
        Attribute.event: .bytes(EventBlock.encode([logged.event])),
      ], expires: expires)
  }

  /// The row has no event, or an older one.
  static func isOlder(than logged: LoggedEvent, epoch: String) -> Condition {
    .any([.absent, .less(Attribute.position, position(logged, epoch: epoch))])
  }

  /// Epoch and sequence as one text, whose order is the order in time.
  private static func position(_ logged: LoggedEvent, epoch: String) -> Value {
    .string("\(epoch)#\(SegmentRow.sort(logged.sequence))")
  }

  let key: ItemKey
  let epoch: String?
  private let sequence: Int64?
  private let block: [UInt8]?

  init(_ item: Item) {
    key = item.key
    epoch = item.string(Attribute.epoch)
    sequence = item.number(Attribute.sequence)
    block = item.bytes(Attribute.event)
  }

  func event() throws(TableError) -> LoggedEvent {
    guard let sequence, let block,
      let event = EventBlock.decode(block, first: sequence, audience: .everyone)?.first
    else {
      throw TableError(
        code: .corrupt, operation: "query", key: key, detail: "not a last-value row of this release or the one before")
    }
    return event
  }
}
