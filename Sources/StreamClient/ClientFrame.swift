import JSON
import Messaging

/// What a client sends.
enum ClientFrame {
  /// What of `seen` goes into a hello, in bytes: API Gateway takes frames of 32 KB. For what is left out the cursor
  /// speaks, so the server sends some events again, and they are dropped.
  private static let seenBytes = 20_000

  static func hello(
    count: Int64, cursor: String?, seen: [String: Int64], types: [String], keys: [String]
  ) -> [UInt8] {
    Frame.object("hello") { writer in
      writer.member("n", count)
      writer.member("cursor", ifPresent: cursor)
      if !seen.isEmpty { append(seen, to: &writer) }
      append(types, keys, to: &writer)
      append(["batch", "gzip", "parts"], named: "accept", to: &writer)
    }
  }

  static func subscribe(_ types: [String], _ keys: [String]) -> [UInt8] {
    Frame.object("subscribe") { append(types, keys, to: &$0) }
  }

  static func ping(count: Int64) -> [UInt8] { Frame.object("ping") { $0.member("n", count) } }

  static let pong = Frame.object("pong") { _ in }

  private static func append(_ seen: [String: Int64], to writer: inout JSONWriter) {
    writer.key("seen")
    writer.object { writer in
      var bytes = 0
      for (stream, sequence) in seen.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
        bytes += stream.utf8.count + 24
        if bytes > seenBytes { break }
        writer.member(stream, sequence)
      }
    }
  }

  private static func append(_ types: [String], _ keys: [String], to writer: inout JSONWriter) {
    append(types, named: "eventTypes", to: &writer)
    if !keys.isEmpty { append(keys, named: "keys", to: &writer) }
  }

  private static func append(_ words: [String], named name: String, to writer: inout JSONWriter) {
    writer.key(name)
    writer.array { writer in
      for word in words { writer.string(word) }
    }
  }
}
