import Connections
import Foundation
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("what the file of event types does to what is published")
struct PublishedTypesTests {
  private static let price =
    #"{"symbol":"AAPL","price":152.50,"bid":152.48,"ask":152.52,"timestamp":"2026-01-02T10:30:01Z"}"#

  @Test("a price without a key reaches who asked for its symbol, and nobody who asked for another")
  func symbols() throws {
    let stage = Stage()
    let others = ConnectionID("Other=")!
    _ = try stage.connect([("eventTypes", "price:update"), ("symbols", "AAPL")])
    _ = try stage.connect([("eventTypes", "price:update"), ("symbols", "GOOGL")], id: others)
    _ = try stage.publish("{\"type\":\"price:update\",\"data\":\(Self.price)}")
    #expect(stage.ear.frames(to: stage.id).count == 1 && stage.ear.frames(to: others).isEmpty)
    let frame = try #require(stage.ear.frames(to: stage.id).first)
    #expect(frame.contains(#""key":"AAPL""#) && frame.contains("\"data\":\(Self.price)"))
  }

  @Test("events that lack their key are reported once a publish and type, at DEBUG")
  func keyless() throws {
    let stage = Stage()
    stage.level = .debug
    _ = try stage.publish(
      #"{"events":[{"type":"price:update","data":1},{"type":"price:update","data":{"symbol":{}}},{"type":"signal","data":1}]}"#
    )
    let lines = stage.lines(saying: "events without a key")
    #expect(
      lines.count == 1 && lines[0].contains(#""type":"price:update""#) && lines[0].contains(#""member":"symbol""#))
    _ = try stage.publish("{\"type\":\"price:update\",\"data\":\(Self.price)}")
    #expect(stage.lines(saying: "events without a key").count == 1)
  }

  @Test(
    "what never leaves comes by no path: live, by the state, by what was missed, by catching up, in any dialect",
    arguments: ["typed", "flat", "message"])
  func heldBack(dialect: String) throws {
    let stage = Stage()
    stage.types = try EventTypeTable(
      reading: bytes(
        #"{"version":1,"types":[{"name":"t","roles":["*"],"conflates":true,"key":"k","omit":["secret"],"redact":["a.pin"],"#
          + #""schema":{"properties":{"k":{"type":"string"},"secret":{},"a":{"properties":{"pin":{}}}}},"example":1}]}"#
      ),
      file: "t")
    func publish(_ number: Int) throws {
      _ = try stage.publish(
        #"{"type":"t","data":{"k":"K","n":\#(number),"secret":"SECRET","a":{"pin":"SECRET"}}}"#)
      stage.clock.advance(milliseconds: 200)
    }
    _ = try stage.connect([("eventTypes", "t"), ("dialect", dialect), ("role", "viewer")])
    try publish(1)
    stage.ear.refusing = [stage.id.text]
    try publish(2)
    stage.ear.refusing = []
    stage.clock.advance(milliseconds: 500)
    try stage.runInvocations()
    try publish(3)
    for hello in [#"{"type":"hello","n":1,"seen":{"all/t":1}}"#, #"{"type":"hello","n":2,"eventTypes":["t"]}"#] {
      _ = try stage.say(hello)
    }
    let late = ConnectionID("Late=")!
    _ = try stage.connect([("dialect", dialect), ("role", "viewer")], id: late)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["t"]}"#, id: late)
    let shown = stage.ear.posts.map(\.frame).filter {
      $0.contains(#""n":3"#) || $0.contains(#""n":1"#) || $0.contains(#""n":2"#)
    }
    #expect(shown.filter { $0.contains("[redacted]") }.count >= 5, "\(stage.ear.posts.map(\.frame))")
    #expect(stage.ear.frames(to: late).contains { $0.contains("[redacted]") })
    for frame in stage.ear.posts.map(\.frame) {
      #expect(!frame.contains("SECRET") && !frame.contains("secret"), "\(frame)")
    }
    #expect(!stage.lines.all.contains { $0.contains("SECRET") })
  }

  @Test(
    "an alert of level error says that it has high priority, another says nothing",
    arguments: [
      ("typed", "error", true), ("flat", "error", true), ("typed", "warning", false), ("flat", "info", false),
    ])
  func alerts(dialect: String, level: String, isHigh: Bool) throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("eventTypes", "alert:new"), ("dialect", dialect)])
    _ = try stage.publish(
      "{\"type\":\"alert:new\",\"user\":\"u-1\",\"data\":{\"alertId\":\"a\",\"level\":\"\(level)\",\"message\":\"m\"}}")
    let frame = stage.ear.frames(to: stage.id).last { $0.contains("alert:new") }
    #expect(frame?.contains(#""priority":"high""#) == isHigh, "\(frame ?? "none")")
  }

  @Test("changes of market data are not conflated, states are")
  func changes() throws {
    func frames(_ kind: String) throws -> Int {
      let stage = Stage()
      _ = try stage.connect([("channels", "stream:market_data:AAPL"), ("dialect", "message")])
      let messages = (1...5).map {
        #"{"channel":"stream:market_data:AAPL","update_type":"\#(kind)","data":{"n":\#($0)}}"#
      }
      _ = try stage.publish("{\"events\":[\(messages.joined(separator: ","))]}")
      return stage.ear.frames(to: stage.id).count
    }
    #expect(try frames("delta") == 5)
    #expect(try frames("snapshot") == 1)
  }

  @Test(
    "accept=gzip in the URL has large frames come compressed in the dialects that know no hello, live and as the state",
    arguments: ["flat", "message"], [true, false])
  func gzip(dialect: String, accepts: Bool) throws {
    let stage = Stage()
    let query = [("dialect", dialect), ("eventTypes", "price:update")] + (accepts ? [("accept", "gzip,later")] : [])
    _ = try stage.connect(query)
    let large =
      "{\"type\":\"price:update\",\"key\":\"K\",\"data\":{\"x\":\"\(String(repeating: "A", count: 40_000))\"}}"
    _ = try stage.publish(large)
    let late = ConnectionID("Late=")!
    _ = try stage.connect([("dialect", dialect)] + (accepts ? [("accept", "gzip")] : []), id: late)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"]}"#, id: late)
    for id in [stage.id, late] {
      let frame = try #require(stage.ear.frames(to: id).last)
      #expect(frame.hasPrefix(#"{"type":"gzip","#) == accepts && (frame.utf8.count < 2_000) == accepts)
    }
  }

  @Test("who names no types listens to the default ones of its URL; who names some, to these")
  func defaults() throws {
    let stage = Stage()
    _ = try stage.connect([("dialect", "flat"), ("defaultEventTypes", "realtime")])
    let record = try #require(try stage.connections.connection(id: stage.id))
    #expect(record.subscriptions.active.count == EventTypeTable.standard.meanings(of: "realtime").count)
    let other = ConnectionID("Other=")!
    _ = try stage.connect([("defaultEventTypes", "realtime"), ("eventTypes", "signal")], id: other)
    #expect(try stage.connections.connection(id: other)?.subscriptions.active.map(\.type) == ["signal"])
  }

  @Test("every example of the file is published under its own type, and arrives as it stands there")
  func examples() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../Sources/Connections/EventTypes/EventTypes.json")
    let json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    let types = try #require(json["types"] as? [[String: Any]])
    #expect(types.count > 30)
    for type in types {
      let name = try #require(type["name"] as? String)
      let example = try #require(type["example"], "\(name) has no example")
      #expect(type["schema"] != nil && type["description"] != nil, "\(name)")
      let stage = Stage()
      _ = try stage.connect([("userId", "u-1"), ("eventTypes", name)])
      let data = try JSONSerialization.data(withJSONObject: example, options: [.fragmentsAllowed])
      _ = try stage.publish("{\"type\":\"\(name)\",\"data\":\(String(decoding: data, as: UTF8.self))}")
      let frame = try #require(stage.ear.frames(to: stage.id).last, "\(name)")
      let shown = try #require(try JSONSerialization.jsonObject(with: Data(frame.utf8)) as? [String: Any])
      #expect(shown["type"] as? String == name && shown["version"] as? Int == 1)
      #expect((shown["data"] as? NSObject) == (example as? NSObject), "\(name)")
      if let key = type["key"] as? String, let value = (example as? [String: Any])?[key] {
        #expect(shown["key"] as? String == "\(value)", "\(name)")
      }
    }
  }
}
