import JSON
import Messaging
import Telemetry

/// The line a user reads of an event, or of a frame that is worth telling.
struct FrameText {
  private let bytes: [UInt8]
  private let members: JSONMembers?
  private let type: String?

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    members = JSONMembers(bytes)
    type = members?.string("type")
  }

  /// API Gateway's own answer to a frame that no function took has no type, only these.
  private var isGatewayError: Bool { type == nil && members?["message"] != nil && members?["connectionId"] != nil }

  /// `10:30:01.000  price:update  AAPL  {"symbol":"AAPL","price":152.5}`. `now` stands in for a missing timestamp.
  func line(now: Int64, terminal: Terminal) -> ScreenText {
    let time = terminal.paint("\(Self.time(of: members?.string("timestamp"), now: now))", colour: .dim)
    guard let members else { return "\(time)  \(Self.text(bytes))" }
    if type == "error" || isGatewayError {
      return "\(time)  \(terminal.paint(Self.error(members: members), colour: .red))"
    }
    guard let type, !ControlType.isReserved(type) else {
      return "\(time)  \(terminal.paint("\(type ?? "")  \(Self.rest(of: members))", colour: .dim))"
    }
    var parts = [time, terminal.paint("\(type)", colour: .cyan)]
    if let key = members.string("key") { parts.append(terminal.paint("\(key)", colour: .bold)) }
    parts.append(members["data"].map(Self.text) ?? Self.rest(of: members))
    return parts.joined(separator: "  ")
  }

  /// `10:30:01.000` of an RFC 3339 stamp in UTC.
  private static func time(of stamp: String?, now: Int64) -> String {
    let text = Array((stamp ?? "").utf8)
    let isStamp = text.count >= 23 && text[10] == UInt8(ascii: "T") && text[19] == UInt8(ascii: ".")
    let source = isStamp ? text : Array(Timestamp.rfc3339(milliseconds: now).utf8)
    return String(decoding: source[11..<23], as: UTF8.self)
  }

  private static func error(members: JSONMembers) -> ScreenText {
    let parts = ["code", "message"].compactMap { members.string($0) }
    return parts.isEmpty ? "error  \(rest(of: members))" : "error  \(parts.joined(separator: ": "))"
  }

  /// The members but the type and the time, as JSON.
  private static func rest(of members: JSONMembers) -> ScreenText {
    var writer = JSONWriter()
    writer.object { writer in
      for name in members.names where name != "type" && name != "timestamp" {
        if let value = members[name] { writer.member(name, raw: value) }
      }
    }
    return text(writer.bytes)
  }

  /// One line, whatever white space stands in the JSON.
  private static func text(_ bytes: some Collection<UInt8>) -> ScreenText {
    ScreenText(own: ScreenText.oneLine(bytes))
  }
}
