import Connections
import EventLog
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery

@Suite("accountability")
struct AccountabilityTests {
  private func connected() throws -> Stage {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("role", "approver")])
    return stage
  }

  private func lines(_ stage: Stage, _ word: String) -> [String] { stage.lines.all.filter { $0.contains(word) } }

  @Test("who is subscribed to what, and who no longer, stands in the log as audit")
  func subscriptions() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["signal"],"keys":["AAPL"]}"#)
    _ = try stage.say(#"{"type":"unsubscribe","eventTypes":["signal"]}"#)
    _ = try stage.say(#"{"type":"hello","eventTypes":["risk"]}"#)
    let audit = lines(stage, #""event":"audit""#)
    try #require(audit.count == 4 && audit[0].contains(#""message":"connected""#))
    #expect(
      audit[1].contains(#""message":"subscribed","#)
        && audit[1].contains(
          #""connectionId":"R0oXAdfD0kwCH6w=","user":"u-1","names":"signal","keys":"AAPL","subscriptions":1"#)
    )
    #expect(audit[2].contains(#""message":"unsubscribed""#) && audit[2].contains(#""subscriptions":0"#))
    #expect(audit[3].contains(#""message":"subscribed""#) && audit[3].contains(#""names":"risk""#))
  }

  @Test("a user who is an e-mail address stands in no line as one")
  func maskedUser() throws {
    let stage = Stage()
    stage.level = .trace
    _ = try stage.connect([("userId", "jane@example.com")])
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#)
    _ = try stage.say(#"{"type":"hello"}"#)
    _ = try stage.disconnect()
    #expect(stage.lines.all.count >= 4)
    #expect(!stage.lines.all.contains { $0.contains("jane") })
  }

  @Test("events that a client will never see are a warning, with how many of which streams")
  func missed() throws {
    let stage = try connected()
    var cursor = Cursor()
    cursor.set(stream: "all/signal", epoch: "", to: 0)
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    let event = Event(type: "signal", audience: .everyone, data: bytes("1"), id: "1-a", timestamp: "")
    _ = try log.append([event, event], to: "all/signal")
    stage.clock.advance(seconds: 26 * 60 * 60)
    _ = try stage.connect([("userId", "u-1"), ("role", "approver")], id: ConnectionID("later="))
    _ = try stage.say(
      "{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\",\"eventTypes\":[\"signal\"]}", id: ConnectionID("later="))
    let warnings = lines(stage, "events missed")
    try #require(warnings.count == 1)
    #expect(warnings[0].contains(#""level":"WARN""#))
    #expect(warnings[0].contains(#""missed":2,"reason":"expired","streams":"all/signal""#))
  }

  @Test("what a publisher calls an event, else the event's own id, is in the lines from its publish to its delivery")
  func correlation() throws {
    let stage = try connected()
    _ = try stage.publish(#"{"type":"signal","data":0,"correlationId":"order-6"}"#)
    #expect(lines(stage, #""correlationIds":"order-6""#).contains { $0.contains(#""message":"published""#) })
    stage.level = .debug
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#)
    _ = try stage.publish(#"{"type":"signal","data":1,"correlationId":"order-7"}"#)
    #expect(lines(stage, #""correlationId":"order-7""#).contains { $0.contains(#""message":"accepted""#) })
    #expect(lines(stage, #""correlationIds":"order-7""#).contains { $0.contains(#""message":"round sent""#) })
    _ = try stage.publish(#"{"type":"signal","data":2}"#)
    let id = try #require(stage.ear.frames(to: stage.id).last?.split(separator: #""id":""#).last?.prefix { $0 != "\"" })
    #expect(lines(stage, "\"correlationId\":\"\(id)\"").contains { $0.contains(#""message":"accepted""#) })
    #expect(lines(stage, "\"correlationIds\":\"\(id)\"").contains { $0.contains(#""message":"round sent""#) })
  }

  @Test("an invocation writes what it accepted and sent, to how many, and how long that took, as one line of metrics")
  func metrics() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"]}"#)
    _ = try stage.publish(
      """
      {"events":[{"type":"price:update","key":"k","data":1},{"type":"price:update","key":"k","data":2},
       {"type":"price:update","data":3}]}
      """
    )
    let written = lines(stage, #""_aws""#)
    #expect(written.count == 1)
    for member in [
      #""FunctionName":"Publisher""#, #""Connections":[1.0]"#, #""Accepted":[3.0]"#, #""Delivered":[2.0]"#,
      #""Conflated":[1.0]"#,
      #""Gone":[0.0]"#, #""Lagging":[0.0]"#, #""DeliveryLatencyP50Milliseconds":["#,
      #""DeliveryLatencyP99Milliseconds":["#,
      #""LogAgeMilliseconds":[0.0]"#,
    ] {
      #expect(written.first?.contains(member) == true, "\(member) in \(written)")
    }
    #expect(written.first?.contains(#""requestId":"i""#) == true)
  }
}
