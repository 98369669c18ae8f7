import ConnectionStore
import Messaging

// Where the rows of the sending stand. A stream's name goes into a key percent-encoded, as every word from outside.
extension Keys {
  static func mark(_ stream: String) -> ItemKey { ItemKey("m#\(PercentEncoding.encode(stream))", "0") }

  /// Beside the mark, so that one query reads both.
  static func lagLease(_ stream: String) -> ItemKey { ItemKey(mark(stream).partition, "lag") }

  static func behind(_ stream: String) -> String { "b#\(PercentEncoding.encode(stream))" }

  static func behind(_ stream: String, _ id: ConnectionID) -> ItemKey { ItemKey(behind(stream), id.text) }

  static func openStreams(shard: Int) -> String { "o#\(shard)" }

  static func openStream(_ stream: String, shards: Int) -> ItemKey {
    ItemKey(openStreams(shard: shard(ofText: stream, of: shards)), PercentEncoding.encode(stream))
  }
}
