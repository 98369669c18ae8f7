import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row that says where a stream's log stands: its epoch and the next sequence. `Docs/data-model.md`.
enum LogHeadRow {
  enum Attribute {
    static let version = "v"
    static let epoch = "epoch"
    static let next = "next"
  }

  static let prefix = "s#"
  /// Before every segment of the partition: `!` comes before the digits.
  static let sort = "!"
  /// Counted from the last append; while the head stands, cursors stay valid.
  static let keptSeconds: Int64 = 30 * 24 * 60 * 60

  /// The head of a stream and its segments.
  static func partition(stream: String) -> String { "\(prefix)\(PercentEncoding.encode(stream))" }

  static func key(stream: String) -> ItemKey { ItemKey(partition: partition(stream: stream), sort: sort) }

  /// The head alone, for reading several side by side.
  static func query(stream: String) -> Query { Query(partition: partition(stream: stream), sort: .between(sort, sort)) }

  static func item(stream: String, head: LogHead, expires: Int64) -> Item {
    Item(
      key: key(stream: stream),
      attributes: [
        Attribute.version: .number(1), Attribute.epoch: .string(head.epoch), Attribute.next: .number(head.next),
      ], expires: expires)
  }

  static func change(next: Int64, expires: Int64) -> Change {
    var change = Change()
    change.set[Attribute.next] = .number(next)
    change.expires = .at(expires)
    return change
  }

  /// No append was done since the head was read.
  static func isUnmoved(_ head: LogHead) -> Condition {
    .all([.equals(Attribute.epoch, .string(head.epoch)), .equals(Attribute.next, .number(head.next))])
  }
}

extension LogHead {
  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let epoch = item.string(LogHeadRow.Attribute.epoch), let next = item.number(LogHeadRow.Attribute.next) else {
      return nil
    }
    self.init(epoch: epoch, next: next)
  }
}
