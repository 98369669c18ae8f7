import ConnectionStore
import Messaging
import Streams
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
    #expect(stage.ear.posts[0].frame.contains("-00000000000000ff\""))
  }

  @Test("a listener gets the events of a batch in order, all to one person on all of its connections")
  func order() throws {
    let stage = try connected([("a", "price:update"), ("b", "signal")])
    let events = (0..<50).map { "{\"type\":\"price:update\",\"key\":\"k\($0)\",\"data\":\($0)}" }
    _ = try stage.publish(
      "{\"events\":[\(events.joined(separator: ",")),{\"type\":\"x\",\"user\":\"u-b\",\"data\":50}]}")
    let numbers = stage.ear.posts.filter { $0.id == "a" }.map { $0.frame.split(separator: ":").last ?? "" }
    #expect(numbers == (0..<50).map { "\($0)}" })
    #expect(stage.ear.posts.filter { $0.id == "b" }.count == 1)
  }

  @Test("a channel's name holds the key")
  func channel() throws {
    let stage = try connected([("a", "stream:news:AAPL"), ("b", "stream:news:MSFT"), ("c", "stream:news")])
    _ = try stage.publish(#"{"type":"stream:news:AAPL","data":1}"#)
    #expect(stage.ear.posts.map(\.id) == ["a", "c"])
    #expect(try stage.publish(#"{"type":"stream:news:AAPL","key":"MSFT","data":1}"#).contains("holds the key"))
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

  @Test(
    "a payload that is no publish is answered with what is wrong",
    arguments: [
      ("", "not_json"), ("{\"events\":[{\"type\":\"signal\",\"data\":1}", "not_json"), ("[]", "wrong_shape"),
      ("7", "wrong_shape"), (#"{"events":{}}"#, "wrong_shape"), ("\u{FF}", "not_json"),
    ])
  func badPayload(payload: String, code: String) throws {
    let stage = try connected([("a", "signal")])
    let answer = try stage.publish(payload)
    #expect(answer.hasPrefix(#"{"accepted":0,"rejected":1,"deliveries":0,"#))
    #expect(answer.contains("\"errors\":[{\"code\":\"\(code)\",\"message\":\""))
    #expect(stage.ear.posts.isEmpty)
  }

  @Test("no events are no error")
  func none() throws {
    #expect(try Stage().publish(#"{"events":[]}"#).hasPrefix(#"{"accepted":0,"rejected":0,"deliveries":0,"#))
  }

  @Test("a connection that is gone loses its rows and is counted once")
  func gone() throws {
    let stage = try connected([("a", "signal,risk"), ("b", "signal")])
    stage.ear.gone = ["a"]
    #expect(try stage.publish(#"{"type":"signal","data":1}"#).contains(#""deliveries":1,"gone":1,"#))
    #expect(try stage.connections.connection(#require(ConnectionID("a"))) == nil)
    #expect(try stage.publish(#"{"type":"risk","data":1}"#).contains(#""deliveries":0,"gone":0,"#))
  }

  @Test("a table that fails while the listeners are read is told beside what was sent")
  func failingTable() throws {
    let stage = Stage { FailingTable($0, failing: 2) }
    _ = try stage.connect([("eventTypes", "signal")])
    let answer = try stage.publish(#"{"type":"signal","data":1}"#)
    #expect(answer.contains(#""deliveries":0"#))
    #expect(answer.contains(#""complete":false,"errors":[{"code":"listeners_not_read""#))
  }

  @Test("the log is asked once a stream, before anything is sent; what it knows is accepted and not sent again")
  func log() throws {
    let stage = try connected([("a", "signal,risk")])
    let log = ScriptedLog(stage.ear)
    let answer = try stage.publish(
      #"""
      {"events":[{"type":"signal","data":1},{"type":"risk","data":2},{"type":"signal","data":3,"idempotencyKey":"known"},
      {"type":"signal","data":4,"idempotencyKey":"taken"},{"type":"broken","data":5}]}
      """#, log: log)
    #expect(log.streams == ["all/signal", "all/risk", "all/broken"])
    #expect(log.postsSeen == 0)
    #expect(answer.hasPrefix(#"{"accepted":3,"rejected":2,"deliveries":2,"#))
    #expect(answer.contains(#"{"index":3,"code":"repeated_field""#))
    #expect(answer.contains(#"{"index":4,"code":"not_appended""#))
    #expect(stage.ear.posts.map { $0.frame.suffix(2) } == ["1}", "2}"])
  }
}

/// A log that remembers one key, refuses another, and fails for one stream.
private final class ScriptedLog: EventLog {
  private let ear: Ear
  private(set) var streams: [String] = []
  private(set) var postsSeen = 0

  init(_ ear: Ear) { self.ear = ear }

  func append(_ events: [Event], to stream: String) throws -> [AppendOutcome] {
    streams.append(stream)
    postsSeen += ear.posts.count
    if stream == "all/broken" { throw TableError(.unavailable, "transact") }
    return events.map { event in
      switch event.idempotencyKey {
      case "known": .known(sequence: 1)
      case "taken": .refused(EventRefusal(.repeatedField, "another event has this key"))
      default: .appended(sequence: 2)
      }
    }
  }
}
