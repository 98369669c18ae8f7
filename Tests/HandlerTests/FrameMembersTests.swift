import Access
import Connections
import Foundation
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("what frames hold")
struct FrameMembersTests {
  /// A client that does everything there is, and everything that is sent to it.
  private static func everyFrame(dialect: String) throws -> (frames: [String], hidden: [String]) {
    let stage = Stage()
    let made = try stage.keys.create(
      KeyGrant(principal: Principal(user: "u-1", role: .analyst, groups: ["desk"]), label: "label-hidden"))
    _ = try stage.connect(
      [("apiKey", made.key.text), ("dialect", dialect), ("eventTypes", "signal")],
      headers: [("User-Agent", "agent-hidden")], access: ["ACCESS": "required"], address: "203.0.113.9")
    var answers: [String?] = []
    func say(_ frame: String) throws { answers.append(try stage.say(frame)) }
    _ = try stage.greet("{\"greet\":\"\(stage.id.text)\"}")
    try say(#"{"type":"hello","n":1,"eventTypes":["signal","price:update"],"accept":["batch"]}"#)
    let cursor = stage.ear.frames(to: stage.id).last?.split(separator: #""cursor":""#).last?.prefix { $0 != "\"" }
    for audience in [#""user":"u-1""#, #""group":"desk""#, #""audience":"everyone""#] {
      for priority in ["normal", "high"] {
        _ = try stage.publish(
          "{\"type\":\"price:update\",\"key\":\"AAPL\",\(audience),\"priority\":\"\(priority)\",\"data\":{\"own\":1},"
            + "\"correlationId\":\"correlation-7\",\"idempotencyKey\":\"idempotency-hidden-\(audience.count)\(priority)\"}"
        )
        stage.clock.advance(milliseconds: 200)
      }
    }
    for frame in [
      #"{"type":"subscribe","eventTypes":["proposal","system"]}"#, #"{"type":"unsubscribe","eventTypes":["proposal"]}"#,
      #"{"type":"ping","n":1}"#, #"{"type":"status"}"#, #"{"type":"nonsense"}"#, "no JSON",
      "{\"type\":\"hello\",\"n\":2,\"cursor\":\"\(cursor ?? "")\",\"accept\":[\"batch\"]}",
      #"{"type":"hello","n":3,"cursor":"nonsense"}"#,
    ] { try say(frame) }
    let row = try stage.connections.connection(id: stage.id)
    let hidden = [
      made.key.text, made.stored.hash, "203.0.113.9", "agent-hidden", "label-hidden", "idempotency-hidden",
      "s#", "c#", "expires", "epoch\"",
    ]
    #expect(row?.sourceAddress == "203.0.113.9" && row?.keyHashes == [made.stored.hash])
    return (answers.compactMap { $0 } + stage.ear.frames(to: stage.id), hidden)
  }

  /// The names of all members, also of nested ones, but not those of an event's data.
  private static func names(_ reader: inout JSONReader) throws -> Set<String> {
    var found: Set<String> = []
    switch try reader.peek() {
    case .object:
      try reader.beginObject()
      while let name = try reader.nextKey() {
        found.insert(name)
        if name == "data" { try reader.skip() } else { found.formUnion(try names(&reader)) }
      }
    case .array:
      try reader.beginArray()
      while try reader.nextElement() { found.formUnion(try names(&reader)) }
    default: try reader.skip()
    }
    return found
  }

  @Test(
    "every member of every frame is one that the protocol's page names, and nothing internal is among their values",
    arguments: ["typed", "flat", "message"])
  func members(dialect: String) throws {
    let page = try String(
      contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Docs/protocol.md"),
      encoding: .utf8)
    let (frames, hidden) = try Self.everyFrame(dialect: dialect)
    #expect(frames.count > 12)
    for frame in frames {
      var reader = JSONReader(bytes(frame))
      // The event's own data: in the flat dialect its members stand beside the type.
      for name in try Self.names(&reader) where name != "own" {
        #expect(page.contains("\"\(name)\"") || page.contains("`\(name)`"), "\(name) in \(frame)")
      }
      for piece in hidden { #expect(!frame.contains(piece), "\(piece) in \(frame)") }
    }
  }
}
