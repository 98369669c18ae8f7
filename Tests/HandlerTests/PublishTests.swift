import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Publisher

@Suite("publish")
struct PublishTests {
  private func connected(_ names: [(id: String, types: String)], role: String = "admin") throws -> Stage {
    let stage = Stage()
    for (id, types) in names {
      _ = try stage.connect([("userId", "u-\(id)"), ("eventTypes", types), ("role", role)], id: ConnectionID(id))
    }
    return stage
  }

  @Test("an event reaches its listeners as one frame each, under the name each asked by")
  func one() throws {
    let stage = try connected([("a", "risk"), ("b", "risk_alert"), ("c", "signal")])
    let answer = try stage.publish(#"{"type":"risk.alert","key":"AAPL","data":{"price": 152.50}}"#)
    #expect(
      answer == #"{"accepted":1,"rejected":0,"deliveries":2,"gone":0,"retried":0,"failed":0,"unsent":0}"#)
    #expect(stage.ear.posts.map(\.id) == ["a", "b"])
    #expect(stage.ear.posts.map { $0.frame.contains(#""data":{"price": 152.50}}"#) } == [true, true])
    #expect(
      stage.ear.posts.map { String($0.frame.prefix(20)) } == [#"{"type":"risk","key""#, #"{"type":"risk_alert""#])
    #expect(stage.ear.posts.map { $0.frame.contains(#""stream":"all/risk","seq":1,"#) } == [true, true])
  }

  @Test("a listener gets a batch in order, all to one person on all of its connections that did not ask for else")
  func order() throws {
    let stage = try connected([("a", "price:update"), ("b", "x")])
    stage.limits.framesPerSecond = 0
    _ = try stage.connect([("userId", "u-b")], id: ConnectionID("b2"))
    _ = try stage.connect([("userId", "u-b"), ("eventTypes", "signal")], id: ConnectionID("b3"))
    let events = (0..<50).map { "{\"type\":\"price:update\",\"key\":\"k\($0)\",\"data\":\($0)}" }
    _ = try stage.publish(
      "{\"events\":[\(events.joined(separator: ",")),{\"type\":\"x\",\"user\":\"u-b\",\"data\":50}]}")
    let numbers = stage.ear.posts.filter { $0.id == "a" }.map { $0.frame.split(separator: ":").last ?? "" }
    #expect(numbers == (0..<50).map { "\($0)}" })
    for id in ["b", "b2"] {
      #expect(stage.ear.posts.filter { $0.id == id }.map { $0.frame.suffix(11) } == [#","data":50}"#], "\(id)")
    }
    #expect(stage.ear.posts.count == 52)
  }

  @Test("an event's id is the moment it came in and a word by chance, another one for each")
  func ids() throws {
    let stage = try connected([("a", "signal")])
    stage.limits.framesPerSecond = 0
    let events = Array(repeating: #"{"type":"signal","data":1}"#, count: 200)
    let moment = stage.clock.clock.milliseconds()
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
    let ids = stage.ear.posts.compactMap { post in
      post.frame.split(separator: #""id":""#).last.map { $0.prefix { $0 != "\"" } }
    }
    #expect(ids.count == 200 && Set(ids).count == 200)
    for id in ids {
      let parts = id.split(separator: "-")
      #expect(parts.count == 2 && parts[0] == "\(moment)" && parts[1].count == 16, "\(id)")
      #expect(parts.last?.allSatisfy { $0.isHexDigit && !$0.isUppercase } == true, "\(id)")
    }
  }

  @Test("a channel's name holds the key")
  func channel() throws {
    let stage = try connected([("a", "stream:news:AAPL"), ("b", "stream:news:MSFT"), ("c", "stream:news")])
    _ = try stage.publish(#"{"type":"stream:news:AAPL","data":1}"#)
    #expect(stage.ear.posts.map(\.id) == ["a", "c"])
    #expect(try stage.refused(#"{"type":"stream:news:AAPL","key":"MSFT","data":1}"#).contains("holds the key"))
  }

  @Test("a bad event gets its own error, and the rest goes on")
  func badEvents() throws {
    let stage = try connected([("a", "signal")])
    let large = "{\"type\":\"signal\",\"data\":\"\(String(repeating: "x", count: 5 << 20))\"}"
    let answer = try stage.publish(
      "{\"events\":[{\"type\":\"signal\",\"data\":1},7,\(large),{\"data\":1},{\"type\":\"ready\",\"data\":1},{\"type\":\"signal\",\"data\":2}]}"
    )
    #expect(answer.hasPrefix(#"{"accepted":2,"rejected":4,"deliveries":2,"#))
    #expect(answer.contains(#"{"index":1,"code":"not_an_object""#))
    #expect(
      answer.contains(#"{"index":2,"code":"too_large","message":"the event is 5242907 bytes of JSON; at most 98304"#))
    #expect(answer.contains(#"{"index":3,"code":"missing_field""#))
    #expect(answer.contains(#"{"index":4,"code":"reserved_type""#))
  }

  @Test("an event that is too deep gets its own error, and the rest goes on", arguments: [65, 99, 125])
  func deepEvent(levels: Int) throws {
    let stage = try connected([("a", "signal")])
    let (open, close) = (String(repeating: "[", count: levels - 1), String(repeating: "]", count: levels - 1))
    let deep = "{\"type\":\"signal\",\"data\":\(open)\(close)}"
    let answer = try stage.publish("{\"events\":[\(deep),{\"type\":\"signal\",\"data\":1}]}")
    #expect(answer.hasPrefix(#"{"accepted":1,"rejected":1,"#), "\(answer)")
    #expect(answer.contains("nested deeper than 64 levels"), "\(answer)")
  }

  @Test(
    "a payload that is no publish fails with what is wrong",
    arguments: [
      ("", "not_json"), ("{\"events\":[{\"type\":\"signal\",\"data\":1}", "not_json"), ("[]", "wrong_shape"),
      ("7", "wrong_shape"), (#"{"events":{}}"#, "wrong_shape"), ("\u{FF}", "not_json"),
    ])
  func badPayload(payload: String, code: String) throws {
    let stage = try connected([("a", "signal")])
    let answer = try stage.refused(payload)
    #expect(answer.hasPrefix(#"{"accepted":0,"rejected":1,"deliveries":0,"#))
    #expect(answer.contains("\"errors\":[{\"code\":\"\(code)\",\"message\":\""))
    #expect(stage.ear.posts.isEmpty)
  }

  @Test("no events are no error")
  func none() throws {
    #expect(try Stage().publish(#"{"events":[]}"#).hasPrefix(#"{"accepted":0,"rejected":0,"deliveries":0,"#))
  }

  @Test(
    "a connection that is gone is counted once, closed at the gateway and loses its rows, and no publish waits for that"
  )
  func gone() throws {
    let stage = try connected([("a", "signal,risk"), ("b", "signal")])
    stage.ear.gone = ["a"]
    #expect(try stage.publish(#"{"type":"signal","data":1}"#).contains(#""deliveries":1,"gone":1,"#))
    #expect(stage.ear.closed.isEmpty && stage.invocations.payloads == [#"Publisher {"lag":"all/signal"}"#])
    try stage.runInvocations()
    #expect(stage.ear.closed == ["a"])
    #expect(try stage.connections.connection(id: #require(ConnectionID("a"))) == nil)
    #expect(try stage.publish(#"{"type":"risk","data":1}"#).contains(#""deliveries":0,"gone":0,"#))
  }

  @Test("a table that fails after the append leaves the events queued, and the sweep sends them")
  func failingTable() throws {
    let count = try callsOfOnePublish()
    for place in 3...count {
      let stage = Stage()
      _ = try stage.connect([("eventTypes", "signal")])
      let failing = FailingTable(stage.table, failing: place)
      let answer = try stage.publish(#"{"type":"signal","data":1}"#, over: failing)
      #expect(answer.hasPrefix(#"{"accepted":1,"rejected":0,"#), "call \(place)")
      #expect(failing.hasFailed)
      stage.clock.advance(seconds: 11)
      _ = try stage.publish(#"{"sweep":{}}"#)
      #expect(Set(stage.ear.posts.map { $0.frame.suffix(9) }) == [#""data":1}"#], "call \(place)")
    }
  }

  private func callsOfOnePublish() throws -> Int {
    let stage = Stage()
    _ = try stage.connect([("eventTypes", "signal")])
    for place in 1... {
      let failing = FailingTable(stage.table, failing: place)
      _ = try? stage.publish(#"{"type":"signal","data":1}"#, over: failing)
      stage.clock.advance(seconds: 11)
      if !failing.hasFailed { return place - 1 }
    }
    return 0
  }

  @Test("an idempotency key is one event: known again, refused for another, and both are named")
  func idempotency() throws {
    let stage = try connected([("a", "signal,risk")])
    let payload =
      #"{"events":[{"type":"signal","data":1,"idempotencyKey":"k"},{"type":"risk","data":2},{"type":"broken","data":5}]}"#
    let broken = BrokenStreamTable(stage.table)
    let first = try stage.publish(payload, over: broken)
    #expect(first.hasPrefix(#"{"accepted":2,"rejected":1,"deliveries":2,"#))
    #expect(first.contains(#"{"index":2,"code":"not_appended""#))
    let again = try stage.publish(#"{"type":"signal","data":1,"idempotencyKey":"k"}"#)
    #expect(again.hasPrefix(#"{"accepted":1,"rejected":0,"deliveries":0,"#))
    let other = try stage.refused(#"{"type":"signal","data":7,"idempotencyKey":"k"}"#)
    #expect(
      other.contains(#""code":"idempotency_key_taken""#) && other.contains(#"\"k\""#)
        && other.contains("event 1 of the stream"))
    #expect(stage.ear.posts.map { $0.frame.suffix(2) } == ["1}", "2}"])
  }

  @Test("an event that is known but was never sent is sent by whoever publishes it again")
  func knownButUnsent() throws {
    let stage = try connected([("a", "signal")])
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    let event = Event(
      type: "signal", audience: .everyone, data: bytes("1"), id: "1-a", timestamp: "", idempotencyKey: "k")
    _ = try log.append([event], to: "all/signal")
    #expect(try stage.publish(#"{"type":"signal","data":1,"idempotencyKey":"k"}"#).contains(#""deliveries":1"#))
  }

  @Test(
    "a sweep sends what a dead publisher left, once its lease has ended, and nothing that another process is sending")
  func sweep() throws {
    let stage = try connected([("a", "signal")])
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    _ = try log.append(
      [Event(type: "signal", audience: .everyone, data: bytes("1"), id: "1-a", timestamp: "")], to: "all/signal")
    _ = try Checkpoints(table: stage.table, clock: stage.clock.clock).acquire(stream: "all/signal")
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.ear.posts.isEmpty)
    stage.clock.advance(seconds: 11)
    _ = try stage.publish(#"{"sweep":{}}"#)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.ear.posts.count == 1)
  }

  @Test("asking for pending events sends one stream; one that is no stream is no error")
  func sendPending() throws {
    let stage = try connected([("a", "signal")])
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    _ = try log.append(
      [Event(type: "signal", audience: .everyone, data: bytes("1"), id: "1-a", timestamp: "")], to: "all/signal")
    _ = try stage.publish(#"{"sendPending":"all/signal"}"#)
    #expect(stage.ear.posts.count == 1)
    #expect(try stage.publish(#"{"sendPending":"nowhere"}"#).hasPrefix(#"{"accepted":0,"rejected":0,"deliveries":0"#))
  }

  @Test("an event that looks like a command and is none is refused as an event")
  func noCommand() throws {
    #expect(try Stage().refused(#"{"sendPending":"all/signal","data":1}"#).contains("unknown_field"))
    #expect(try Stage().refused(#"{"sendPending":7}"#).contains("unknown_field"))
  }

  @Test("when the time is up, the function is invoked again for what is left")
  func handOver() throws {
    let stage = try connected([("a", "signal")])
    stage.ear.beforePage = { stage.clock.advance(seconds: 29) }
    let answer = try stage.publish(#"{"type":"signal","data":1}"#)
    #expect(answer.contains(#""queued":1"#))
    #expect(stage.invocations.payloads == [#"Publisher {"sendPending":"all/signal"}"#])
    stage.ear.beforePage = nil
    _ = try stage.publish(#"{"sendPending":"all/signal"}"#)
    #expect(stage.ear.posts.count == 1)
  }

  @Test("a publisher is not kept waiting by what others append: after a second another invocation goes on")
  func notKept() throws {
    let stage = try connected([("a", "signal")])
    stage.limits.framesAtOnce = 1_000
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    var others = 0
    stage.ear.beforePage = {
      guard others < 100 else { return }
      others += 1
      let event = Event(type: "signal", audience: .everyone, data: bytes("0"), id: "1-\(others)", timestamp: "")
      _ = try? log.append([event], to: "all/signal")
    }
    let start = stage.clock.clock.milliseconds()
    let answer = try stage.publish(#"{"type":"signal","data":1}"#)
    #expect(!answer.contains("queued"))
    #expect(stage.clock.clock.milliseconds() - start < 1_500)
    #expect(stage.invocations.payloads == [#"Publisher {"sendPending":"all/signal"}"#])
    #expect(others < 100)
    _ = try stage.publish(#"{"sendPending":"all/signal"}"#)
    #expect(others == 100 && stage.ear.posts.count == 101)
  }

  @Test("while one stream waits for its window, others are sent")
  func manyStreams() throws {
    let stage = try connected([("a", "signal,risk,decision")])
    let payload = #"{"events":[{"type":"signal","data":1},{"type":"risk","data":2},{"type":"decision","data":3}]}"#
    let start = stage.clock.clock.milliseconds()
    for _ in 0..<3 { _ = try stage.publish(payload) }
    #expect(stage.ear.posts.count == 9)
    #expect(stage.clock.clock.milliseconds() - start < 250)
  }
}
