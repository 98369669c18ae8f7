import ConnectionStore
import Connections
import Messaging

/// The row of one append: its events as one block of bytes, under the sequence of the first. `Docs/data-model.md`.
struct SegmentRow {
  enum Attribute {
    static let version = "v"
    static let epoch = "epoch"
    static let writer = "writer"
    static let at = "at"
    static let count = "count"
    static let events = "events"
  }

  static let prefix = LogHeadRow.prefix

  /// A little longer than it is said to be, so that what readers still show never expires under their eyes.
  static func keptSeconds(_ limits: StreamLimits) -> Int64 { limits.logSeconds + 60 * 60 }

  static func key(stream: String, first: Int64) -> ItemKey {
    ItemKey(partition: LogHeadRow.partition(stream: stream), sort: sort(first))
  }

  /// Twelve digits, so that the order of the bytes is the order of the numbers: 7 is `000000000007`.
  static func sort(_ first: Int64) -> String {
    let digits = String(max(0, first))
    return String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits
  }

  /// The segments whose first event has one of these sequences.
  static func query(stream: String, from lowest: Int64, through highest: Int64, limit: Int) -> Query {
    Query(
      partition: LogHeadRow.partition(stream: stream), sort: .between(sort(lowest), sort(highest)), limit: limit)
  }

  static func item(
    stream: String, first: Int64, epoch: String, writer: String, atMilliseconds: Int64, events: [Event], expires: Int64
  ) -> Item {
    Item(
      key: key(stream: stream, first: first),
      attributes: [
        Attribute.version: .number(1), Attribute.epoch: .string(epoch), Attribute.writer: .string(writer),
        Attribute.at: .number(atMilliseconds), Attribute.count: .number(Int64(events.count)),
        Attribute.events: .bytes(EventBlock.encode(events)),
      ], expires: expires)
  }

  let key: ItemKey
  let epoch: String
  /// The sequence of its first event.
  let first: Int64
  /// The attempt to append that wrote it.
  let writer: String?
  /// Nil in a row that this release does not understand.
  let block: [UInt8]?

  /// Nil for the row of no segment.
  init?(_ item: Item) {
    guard let epoch = item.string(Attribute.epoch), let first = Int64(item.key.sort) else { return nil }
    key = item.key
    self.epoch = epoch
    self.first = first
    writer = item.string(Attribute.writer)
    block = item.bytes(Attribute.events)
  }

  func events(audience: Audience) throws(TableError) -> [LoggedEvent] {
    guard let block, let events = EventBlock.decode(block, first: first, audience: audience) else {
      throw TableError(
        code: .corrupt, operation: "query", key: key, detail: "not a segment of this release or the one before")
    }
    return events
  }
}
