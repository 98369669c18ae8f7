import JSON

/// What a watching client sends (frames from client to server).
struct ClientFrames {
  /// Event types to subscribe to, and the keys among them; empty is every key.
  let types: [String]
  let keys: [String]

  /// The first frame: what this client can read, and how far it had come before the connection broke.
  func hello(cursor: String?) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", "hello")
      writer.key("accept")
      writer.array { $0.string("batch") }
      writer.member("cursor", ifPresent: cursor)
    }
    return writer.bytes
  }

  /// Nil if there is nothing to subscribe to.
  var subscribe: [UInt8]? {
    guard !types.isEmpty else { return nil }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", "subscribe")
      writer.key("eventTypes")
      writer.array { writer in for type in types { writer.string(type) } }
      guard !keys.isEmpty else { return }
      writer.key("keys")
      writer.array { writer in for key in keys { writer.string(key) } }
    }
    return writer.bytes
  }

  static let ping = Array(#"{"type":"ping"}"#.utf8)
  static let pong = Array(#"{"type":"pong"}"#.utf8)
}
