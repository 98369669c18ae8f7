import JSON

/// What the function is told to do beside publishing, by itself or by a schedule.
enum Command: Equatable {
  /// `{"sendPending":"all/price:update"}`: send what the log of that stream holds.
  case sendPending(stream: String)
  /// `{"lag":"all/price:update"}`: send the slow connections of that stream what they lack.
  case lag(stream: String)
  /// `{"sweep":{}}`: look after every stream that had an append lately.
  case sweep

  /// A payload that begins as one of these; nil for everything else, which is a publish.
  init?(_ payload: [UInt8]) {
    // Long enough for any stream's name; most payloads are decided by their first member.
    guard payload.count <= 4_096 else { return nil }
    var reader = JSONReader(payload)
    do {
      try reader.beginObject()
      let name = try reader.nextKey()
      switch name {
      case "sendPending":
        let stream = try reader.string()
        guard try reader.nextKey() == nil else { return nil }
        self = .sendPending(stream: stream)
      case "lag":
        let stream = try reader.string()
        guard try reader.nextKey() == nil else { return nil }
        self = .lag(stream: stream)
      case "sweep":
        try reader.skip()
        guard try reader.nextKey() == nil else { return nil }
        self = .sweep
      default: return nil
      }
      try reader.end()
    } catch {
      return nil
    }
  }

  static func sendPending(stream: String) -> [UInt8] { payload("sendPending", stream: stream) }

  static func lag(stream: String) -> [UInt8] { payload("lag", stream: stream) }

  private static func payload(_ name: String, stream: String) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { $0.member(name, stream) }
    return writer.bytes
  }
}
