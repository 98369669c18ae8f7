import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row that lists a stream for the sweep. `Docs/data-model.md`.
enum ActiveStreamRow {
  enum Attribute {
    static let version = "v"
    static let stream = "stream"
    static let at = "at"
  }

  static let prefix = "act#"

  /// Longer than the log may hold what was not sent: however long no sweep came, the next one finds it.
  static func keptSeconds(_ limits: StreamLimits) -> Int64 { limits.logSeconds + 2 * 60 * 60 }

  static func partition(shard: Int) -> String { "\(prefix)\(shard)" }

  static func key(stream: String, shards: Int) -> ItemKey {
    ItemKey(
      partition: partition(shard: Shard.index(ofText: stream, count: shards)), sort: PercentEncoding.encode(stream))
  }

  static func item(stream: String, shards: Int, atSeconds: Int64, expires: Int64) -> Item {
    Item(
      key: key(stream: stream, shards: shards),
      attributes: [
        Attribute.version: .number(1), Attribute.stream: .string(stream), Attribute.at: .number(atSeconds),
      ], expires: expires)
  }

  /// No process put the row since it was read.
  static func isAsRead(_ entry: ActiveStreams.Entry) -> Condition { .equals(Attribute.at, .number(entry.at)) }
}

extension ActiveStreams.Entry {
  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let stream = item.string(ActiveStreamRow.Attribute.stream) else { return nil }
    self.stream = stream
    key = item.key
    at = item.number(ActiveStreamRow.Attribute.at) ?? .max
  }
}
