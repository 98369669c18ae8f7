import JSON
import Telemetry

/// What a frame from the server is, and the lines a person reads of it.
struct FrameText {
  /// The types that are not events: the protocol's control types, and the acknowledgements.
  static let controlTypes: Set<String> = [
    "connection", "resume", "ready", "snapshot", "batch", "gzip", "part", "heartbeat", "rotate", "error", "ping",
    "pong",
    "status", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "hello",
  ]

  private let bytes: [UInt8]
  private let members: JSONMembers?
  let type: String?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    members = JSONMembers(bytes)
    type = members?.string("type")
  }

  /// The events of a batch, else none.
  private var batch: [[UInt8]] {
    guard type == "batch" else { return [] }
    return members?.elements("events")?.map(Array.init) ?? []
  }

  /// How many events it carries; a frame that is not of this protocol counts as one.
  var eventCount: Int {
    if type == "batch" { return batch.count }
    return type.map(Self.controlTypes.contains) == true ? 0 : 1
  }

  /// Where the client is in its streams after this frame, if the frame says so.
  var cursor: String? { members?.string("cursor") }

  /// Which hello, counted from 1, a `ready` answers, if it says so.
  var replay: Int? { members?.integer("replay") }

  /// API Gateway's own answer to a frame that no function took has no type, only these.
  private var isGatewayError: Bool { type == nil && members?["message"] != nil && members?["connectionId"] != nil }

  /// `10:30:01.000  price:update  AAPL  {"symbol":"AAPL","price":152.5}`, a line an event. `now` stands in for a
  /// missing timestamp.
  func lines(now: Int64, terminal: Terminal) -> [String] {
    if type == "batch" { return batch.flatMap { FrameText($0).lines(now: now, terminal: terminal) } }
    let time = terminal.paint(Self.time(of: members?.string("timestamp"), now: now), .dim)
    guard let members else { return ["\(time)  \(Self.text(bytes))"] }
    if type == "error" || isGatewayError { return ["\(time)  \(terminal.paint(Self.error(members), .red))"] }
    guard let type, eventCount > 0 else {
      return ["\(time)  \(terminal.paint("\(type ?? "")  \(Self.rest(of: members))", .dim))"]
    }
    var parts = [time, terminal.paint(Terminal.harmless(type), .cyan)]
    if let key = members.string("key") { parts.append(terminal.paint(Terminal.harmless(key), .bold)) }
    parts.append(members["data"].map { Self.text(Array($0)) } ?? Self.rest(of: members))
    return [parts.joined(separator: "  ")]
  }

  /// `10:30:01.000` of an RFC 3339 stamp in UTC.
  private static func time(of stamp: String?, now: Int64) -> String {
    let text = Array((stamp ?? "").utf8)
    let isStamp = text.count >= 23 && text[10] == UInt8(ascii: "T") && text[19] == UInt8(ascii: ".")
    let source = isStamp ? text : Array(Timestamp.rfc3339(milliseconds: now).utf8)
    return Terminal.harmless(String(decoding: source[11..<23], as: UTF8.self))
  }

  private static func error(_ members: JSONMembers) -> String {
    let words = ["code", "message"].compactMap { members.string($0) }
    return Terminal.harmless("error  " + (words.isEmpty ? rest(of: members) : words.joined(separator: ": ")))
  }

  /// The members but the type and the time, as JSON.
  private static func rest(of members: JSONMembers) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      for name in members.names where name != "type" && name != "timestamp" {
        if let value = members[name] { writer.member(name, raw: value) }
      }
    }
    return text(writer.bytes)
  }

  /// One line, whatever white space stands in the JSON.
  private static func text(_ bytes: [UInt8]) -> String {
    let line = bytes.map { $0 == 0x0A || $0 == 0x0D || $0 == 0x09 ? 0x20 : $0 }
    return Terminal.harmless(String(decoding: line, as: UTF8.self))
  }
}
