import JSON

/// What a watching client sends (frames from client to server).
struct ClientFrames {
  /// Event types to subscribe to, and the keys among them; empty is every key.
  let types: [String]
  let keys: [String]

  /// The first frame: what to subscribe to, what this client can read, and how far it had come before the connection
  /// broke. `count` counts the hellos from 1. One frame, since two might be handled at the same time.
  func hello(count: Int, cursor: String?) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", "hello")
      writer.member("n", count)
      writer.key("accept")
      writer.array { $0.string("batch") }
      if !types.isEmpty { append(types, named: "subscriptions", to: &writer) }
      if !keys.isEmpty { append(keys, named: "keys", to: &writer) }
      writer.member("cursor", ifPresent: cursor)
    }
    return writer.bytes
  }

  /// For a server that does not know `hello`; nil if there is nothing to subscribe to.
  var subscribe: [UInt8]? {
    guard !types.isEmpty else { return nil }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", "subscribe")
      append(types, named: "eventTypes", to: &writer)
      if !keys.isEmpty { append(keys, named: "keys", to: &writer) }
    }
    return writer.bytes
  }

  private func append(_ words: [String], named name: String, to writer: inout JSONWriter) {
    writer.key(name)
    writer.array { writer in
      for word in words { writer.string(word) }
    }
  }

  static let ping = Array(#"{"type":"ping"}"#.utf8)
  static let pong = Array(#"{"type":"pong"}"#.utf8)
}
