import Frames
import JSON
import Messaging
import StreamClient
import Telemetry

/// Prints what a watch has to show: lines for people, or one JSON text a line.
struct WatchScreen {
  private let terminal: Terminal
  private let clock: Clock
  private let asJSON: Bool

  init(_ context: CommandContext, asJSON: Bool) {
    terminal = context.terminal
    clock = context.clock
    self.asJSON = asJSON
  }

  /// An event, or a frame that is worth telling.
  func frame(_ bytes: [UInt8]) throws(CommandFailure) {
    if asJSON { return try terminal.json(bytes) }
    try terminal.line(FrameText(bytes).line(now: clock.milliseconds(), terminal: terminal))
  }

  /// What a route of the user's own answered, which need be no frame of this protocol, nor JSON.
  func answer(_ bytes: [UInt8]) throws(CommandFailure) {
    guard asJSON else { return try line(ScreenText(own: ScreenText.oneLine(bytes))) }
    if (try? JSONReader.validate(bytes)) != nil { return try terminal.json(bytes) }
    var writer = JSONWriter()
    writer.string(String(decoding: bytes, as: UTF8.self))
    try terminal.json(writer.bytes)
  }

  func snapshot(_ snapshot: Follower.Snapshot) throws(CommandFailure) {
    if asJSON { return try terminal.json(Self.json(snapshot)) }
    // Of a stream in which nothing is, a person need not hear.
    if snapshot.isFirst, !(snapshot.isLast && snapshot.events.isEmpty) {
      try line("snapshot  \(snapshot.stream) up to \(snapshot.sequence)", colour: .dim)
    }
    for event in snapshot.events { try frame(event) }
  }

  func gap(_ gap: Follower.Gap) throws(CommandFailure) {
    if asJSON { return try terminal.json(Self.json(gap)) }
    let missed = gap.missed.map { Figures.count(Int($0), one: "event") } ?? "nobody knows how many events"
    let streams = gap.streams.map { "  \($0.stream)\($0.missed.map { ": \(Figures.grouped(Int($0)))" } ?? "")" }
    try line("gap  \(missed) missed\(gap.reason.map { ": \($0)" } ?? "")\(streams.joined())", colour: .yellow)
  }

  /// Beside the results, on standard error.
  func note(_ text: String) { terminal.note(terminal.paint("\(text)", colour: .dim)) }

  /// What only a person wants to know.
  func remark(_ text: String) { if !asJSON { note(text) } }

  private func line(_ text: String, colour: Terminal.Colour) throws(CommandFailure) {
    try line(terminal.paint("\(text)", colour: colour))
  }

  private func line(_ text: ScreenText) throws(CommandFailure) {
    let time: ScreenText = "\(Timestamp.rfc3339(milliseconds: clock.milliseconds()).dropFirst(11).prefix(12))"
    try terminal.line("\(terminal.paint(time, colour: .dim))  \(text)")
  }

  // MARK: JSON

  private static func json(_ snapshot: Follower.Snapshot) -> [UInt8] {
    JSONWriter.frame("snapshot") { writer in
      writer.member("stream", snapshot.stream)
      writer.member("seq", snapshot.sequence)
      writer.member("first", snapshot.isFirst)
      writer.member("last", snapshot.isLast)
      writer.key("events")
      writer.array { writer in for event in snapshot.events { writer.raw(event) } }
    }
  }

  private static func json(_ gap: Follower.Gap) -> [UInt8] {
    JSONWriter.frame("gap") { writer in
      append(gap.missed, reason: gap.reason, to: &writer)
      writer.key("streams")
      writer.array { writer in
        for stream in gap.streams {
          writer.object { writer in
            writer.member("stream", stream.stream)
            append(stream.missed, reason: stream.reason, to: &writer)
          }
        }
      }
    }
  }

  private static func append(_ missed: Int64?, reason: String?, to writer: inout JSONWriter) {
    writer.key("missed")
    if let missed { writer.integer(missed) } else { writer.null() }
    writer.member("reason", ifPresent: reason)
  }
}
