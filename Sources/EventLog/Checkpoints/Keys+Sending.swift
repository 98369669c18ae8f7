import ConnectionStore
import Connections
import Messaging

// The keys of the rows that the sending of a stream needs. A stream's name goes into a key percent-encoded, as every text from
// outside.
extension Keys {
  static func checkpoint(stream: String) -> ItemKey {
    ItemKey(partition: "cp#\(PercentEncoding.encode(stream))", sort: "0")
  }

  /// Beside the checkpoint, so that one query reads both.
  static func lagLease(stream: String) -> ItemKey {
    ItemKey(partition: checkpoint(stream: stream).partition, sort: "lag")
  }

  static func lag(stream: String) -> String { "lag#\(PercentEncoding.encode(stream))" }

  static func lag(stream: String, id: ConnectionID) -> ItemKey {
    ItemKey(partition: lag(stream: stream), sort: id.text)
  }

  static func activeStreams(shard: Int) -> String { "act#\(shard)" }

  static func activeStream(stream: String, shards: Int) -> ItemKey {
    ItemKey(partition: activeStreams(shard: shard(ofText: stream, of: shards)), sort: PercentEncoding.encode(stream))
  }
}
