import ConnectionStore
import Connections
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

/// What each limit of the environment does to whoever meets it. Those of subscriptions and frames are in
/// `ReceiveTests`, those of connections in `ConnectTests`.
@Suite("Limits of the environment")
struct LimitsTests {
  private func stage(_ change: (inout StreamLimits) -> Void) -> Stage {
    let stage = Stage()
    change(&stage.limits)
    return stage
  }

  @Test("an event that is larger than EVENT_BYTES is refused alone, with its size and what is allowed")
  func eventBytes() throws {
    let stage = stage { $0.eventBytes = 300 }
    let text = String(repeating: "x", count: 300)
    let answer = try stage.publish(
      "{\"events\":[{\"type\":\"signal\",\"data\":\"\(text)\"},{\"type\":\"signal\",\"data\":1}]}")
    #expect(answer.contains(#""accepted":1,"rejected":1"#))
    #expect(answer.contains(#""code":"too_large","message":"the event is 327 bytes of JSON; at most 300 are allowed""#))
  }

  @Test(
    "what is older than LOG_SECONDS, and the hour that is added, is no longer replayed, and the client is told how much"
  )
  func logSeconds() throws {
    let stage = stage { $0.logSeconds = 3_600 }
    _ = try stage.connect()
    var cursor = Cursor()
    cursor.set(stream: "all/signal", epoch: "", to: 0)
    let hello = "{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\",\"eventTypes\":[\"signal\"]}"
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    stage.clock.advance(seconds: 7_190)
    _ = try stage.say(hello)
    #expect(stage.ear.frames(to: stage.id).contains { $0.contains(#""recovered":"all","missed":0"#) })
    stage.clock.advance(seconds: 20)
    _ = try stage.say(hello)
    #expect(
      stage.ear.frames(to: stage.id).contains { $0.contains(#""recovered":"none","missed":1,"reason":"expired""#) })
  }

  @Test("who missed more than REPLAY_EVENTS gets the newest of them, and is told how many it did not get")
  func replayEvents() throws {
    let stage = stage { $0.replayEvents = 3 }
    _ = try stage.connect()
    var cursor = Cursor()
    cursor.set(stream: "all/signal", epoch: "", to: 0)
    for data in 1...5 { _ = try stage.publish("{\"type\":\"signal\",\"data\":\(data)}") }
    _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\",\"eventTypes\":[\"signal\"]}")
    let frames = stage.ear.frames(to: stage.id)
    #expect(frames.contains { $0.contains(#""recovered":"part","missed":2,"reason":"trimmed""#) }, "\(frames)")
    #expect(frames.filter { $0.hasPrefix(#"{"type":"signal""#) }.map { $0.suffix(2) } == ["3}", "4}", "5}"])
  }

  @Test("a client gets at most FRAMES_PER_SECOND frames a second of one stream")
  func framesPerSecond() throws {
    let stage = stage { $0.framesPerSecond = 2 }
    _ = try stage.connect([("eventTypes", "signal")])
    let start = stage.clock.clock.milliseconds()
    for data in 1...7 { _ = try stage.publish("{\"type\":\"signal\",\"data\":\(data)}") }
    // The first slot had been open for long, and half a window of it was given back.
    #expect(stage.clock.clock.milliseconds() - start == 6 * 500 - 250)
    #expect(stage.ear.frames(to: stage.id).count == 7)
  }
}
