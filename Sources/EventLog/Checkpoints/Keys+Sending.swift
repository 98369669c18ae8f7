import ConnectionStore
import Connections
import Messaging

// Where the rows of the sending stand. A stream's name goes into a key percent-encoded, as every word from outside.
extension Keys {
  static func mark(stream: String) -> ItemKey { ItemKey(partition: "m#\(PercentEncoding.encode(stream))", sort: "0") }

  /// Beside the mark, so that one query reads both.
  static func lagLease(stream: String) -> ItemKey { ItemKey(partition: mark(stream: stream).partition, sort: "lag") }

  static func behind(stream: String) -> String { "b#\(PercentEncoding.encode(stream))" }

  static func behind(stream: String, id: ConnectionID) -> ItemKey {
    ItemKey(partition: behind(stream: stream), sort: id.text)
  }

  static func activeStreams(shard: Int) -> String { "o#\(shard)" }

  static func openStream(stream: String, shards: Int) -> ItemKey {
    ItemKey(partition: activeStreams(shard: shard(ofText: stream, of: shards)), sort: PercentEncoding.encode(stream))
  }
}
