import Frames
import JSON
import Messaging

/// What a client sends.
enum ClientFrame {
  /// API Gateway's limit on what comes in one frame.
  private static let frameBytes = 32 * 1024

  /// As much of `seen` goes into it as one frame holds. For what is left out the cursor speaks, so the server sends some
  /// events again, and they are dropped.
  static func hello(
    count: Int64, cursor: String?, seen: [String: Int64], types: [String], keys: [String]
  ) -> [UInt8] {
    let hello = { (seen: [(stream: String, sequence: Int64)]) in
      Frame.object("hello") { writer in
        writer.member("n", count)
        writer.member("cursor", ifPresent: cursor)
        if !seen.isEmpty {
          writer.key("seen")
          writer.object { writer in
            for (stream, sequence) in seen { writer.member(stream, sequence) }
          }
        }
        append(types, keys: keys, to: &writer)
        append(["batch", "gzip", "parts"], named: "accept", to: &writer)
      }
    }
    guard !seen.isEmpty else { return hello([]) }
    var room = frameBytes - hello([]).count - #""seen":{},"#.utf8.count
    let reported = seen.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.prefix { stream, sequence in
      var writer = JSONWriter()
      writer.object { $0.member(stream, sequence) }
      // With a comma in the place of the braces.
      room -= writer.bytes.count - 1
      return room >= 0
    }
    return hello(reported.map { (stream: $0.key, sequence: $0.value) })
  }

  static func subscribe(_ types: [String], keys: [String]) -> [UInt8] {
    Frame.object("subscribe") { append(types, keys: keys, to: &$0) }
  }

  static func ping(count: Int64) -> [UInt8] { Frame.object("ping") { $0.member("n", count) } }

  static let pong = Frame.object("pong") { _ in }

  private static func append(_ types: [String], keys: [String], to writer: inout JSONWriter) {
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
