import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

@Suite("who asks for a lag sender")
struct LagInvocationTests {
  private static let event = #"{"type":"signal","data":1}"#

  private func stage() throws -> Stage {
    let stage = Stage()
    _ = try stage.connect([("eventTypes", "signal")])
    stage.ear.refusing = [stage.id.text]
    return stage
  }

  @Test("a publish that meets a slow connection does not wait for it, and has the function invoked for it")
  func publish() throws {
    let stage = try stage()
    let answer = try stage.publish(Self.event)
    #expect(answer.contains(#""failed":1"#) && answer.contains(#""lagging":1"#))
    #expect(stage.invocations.payloads == [#"Publisher {"lag":"all/signal"}"#])
    stage.ear.refusing = []
    try stage.runInvocations()
    #expect(stage.ear.frames(to: stage.id).count == 1)
    #expect(stage.invocations.payloads.isEmpty)
  }

  @Test("the sweep asks for one where a slow connection is due and no process serves it")
  func sweep() throws {
    let stage = try stage()
    stage.invocations.isRefusing = true
    _ = try stage.publish(Self.event)
    stage.invocations.isRefusing = false
    stage.ear.refusing = []
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.invocations.payloads == [#"Publisher {"lag":"all/signal"}"#])
    try stage.runInvocations()
    #expect(stage.ear.frames(to: stage.id).count == 1)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.invocations.payloads.isEmpty)
  }

  @Test("without a name to be invoked by the sweep serves it")
  func unnamed() throws {
    let stage = try stage()
    _ = try stage.publish(Self.event, ownName: nil)
    stage.ear.refusing = []
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(#"{"sweep":{}}"#, ownName: nil)
    #expect(stage.invocations.payloads.isEmpty)
    #expect(stage.ear.frames(to: stage.id).count == 1)
  }

  @Test("a stream in which a connection is slow is looked at by the sweep for as long as that lasts")
  func watched() throws {
    let stage = try stage()
    _ = try stage.publish(Self.event)
    for _ in 0..<30 {
      stage.clock.advance(seconds: 60)
      _ = try stage.publish(#"{"sweep":{}}"#)
      try stage.runInvocations()
    }
    stage.ear.refusing = []
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(#"{"sweep":{}}"#)
    try stage.runInvocations()
    #expect(stage.ear.frames(to: stage.id).count == 1)
  }

  @Test(
    "for one stream it is asked five times at once, then once in ten seconds; other streams are asked for by themselves"
  )
  func bounded() {
    var requests = LagRequests()
    let asked = (0..<600).filter { requests.acquire(stream: "all/a", nowMilliseconds: Int64($0) * 100) }
    #expect(asked.count == 5 + 5 && asked.prefix(5) == [0, 1, 2, 3, 4])
    let others = ["all/b"] + (0..<10_000).map { "user/\($0)" }
    #expect(others.allSatisfy { requests.acquire(stream: $0, nowMilliseconds: 60_000) } as Bool)
  }
}
