import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

@Suite("connections that are slow")
struct LagDeliveryTests {
  @Test("no round posts to a connection that is slow, however many rounds there are and though it is due")
  func notInRounds() throws {
    let stage = try LagStage.lagging()
    for number in 2...5 {
      try stage.publish(number)
      stage.clock.advance(seconds: 10)
    }
    #expect(stage.wire.sequences("a") == [1, 2, 3, 4, 5])
    #expect(stage.wire.attempts["b"] == 1)
    #expect(try stage.row("b")?.from == 1)
  }

  @Test("it is sent what it lacks beside the rounds, made ready, and its row is deleted by a round")
  func broughtForward() throws {
    let stage = try LagStage.lagging()
    for number in 2...3 { try stage.publish(number) }
    let report = stage.deliverLagging()
    #expect(stage.wire.sequences("b") == [1, 2, 3] && !report.isLagDue)
    #expect(try stage.row("b") == nil)
    try stage.publish(4)
    #expect(stage.wire.sequences("b") == [1, 2, 3, 4] && stage.wire.sequences("a") == [1, 2, 3, 4])
  }

  @Test("a post that had no answer is made again: who had got it gets the same frame twice, and then what follows")
  func postedAgain() throws {
    let stage = LagStage()
    try stage.connect("a", "b")
    stage.wire.failures["b"] = (.hung, true)
    let report = try stage.publish(1)
    #expect(report.counts.unsent == 1 && report.lagging.count == 1)
    stage.clock.advance(milliseconds: 200)
    // The second post has no answer either.
    let deadline = stage.clock.clock.milliseconds() + 4_000
    let late = stage.sender().deliverLagging(stream: stage.stream, deadlineMilliseconds: deadline)
    #expect(late.counts.unsent == 1 && late.lagging.count == 1)
    stage.wire.failures = [:]
    stage.clock.advance(seconds: 1)
    let last = stage.deliverLagging()
    try stage.publish(2)
    let frames = stage.wire.frames("b")
    #expect(stage.wire.sequences("b").last == 2 && stage.wire.sequences("a") == [1, 2])
    #expect(frames.count >= 4 && Set(frames.dropLast()).count == 1, "\(frames)")
    #expect(last.counts.unsent == 0 && last.lagging.isEmpty)
  }

  @Test("a round that began while it was slow left it out: what that round sent comes to it all the same, once")
  func roundMeanwhile() throws {
    let stage = try LagStage.lagging()
    stage.wire.during = {
      stage.wire.during = nil
      stage.deliverLagging()
      // Its row stands until a round has read it.
      let lagState = try stage.lagState("b")
      #expect(lagState == "ready from 2")
    }
    try stage.publish(2)
    #expect(stage.wire.sequences("a") == [1, 2] && stage.wire.sequences("b") == [1, 2])
    #expect(try stage.row("b") == nil)
  }

  @Test("a second lag sender does nothing while the first is at it; after its lease's end it goes on")
  func lease() throws {
    let stage = try LagStage.lagging()
    let second = Wire()
    stage.wire.before = {
      stage.wire.before = nil
      let report = stage.sender(lagSender: second).deliverLagging(
        stream: stage.stream, deadlineMilliseconds: stage.deadline)
      #expect(report.isLeaseTaken && second.attempts.isEmpty)
      stage.clock.advance(milliseconds: LagLeases.leaseMilliseconds + 1)
      _ = stage.sender(lagSender: second).deliverLagging(stream: stage.stream, deadlineMilliseconds: stage.deadline)
      #expect(second.attempts["b"] == 1)
    }
    stage.deliverLagging()
    #expect(stage.wire.before == nil)
  }

  @Test(
    "a client that always answers 429 is tried 12 times in a minute at most, by rounds, lag senders and sweeps together"
  )
  func alwaysRefusing() throws {
    for seed in 1...20 as ClosedRange<UInt64> {
      let stage = LagStage()
      try stage.connect("a", "b")
      stage.wire.refusing = ["b"]
      let start = stage.clock.clock.milliseconds()
      var number = 0
      while stage.clock.clock.milliseconds() < start + 60_000 {
        number += 1
        let report = try stage.publish(number)
        if report.isLagDue { stage.deliverLagging() }
        stage.clock.advance(milliseconds: 500)
      }
      #expect(stage.wire.attempts["b"] ?? 0 <= 12 && stage.wire.attempts["b"] ?? 0 >= 4, "seed \(seed)")
      #expect(stage.wire.sequences("a").count == number)
    }
  }

  @Test(
    "in virtual time, beside a client that always answers 429 and its lag sender no other waits longer than one window")
  func nobodyWaits() throws {
    let stage = LagStage()
    try stage.connect("a", "b", "c")
    stage.wire.refusing = ["b"]
    var number = 0
    var longest: Int64 = 0
    func publish() throws {
      number += 1
      let start = stage.clock.clock.milliseconds()
      try stage.publish(number, isHigh: false)
      longest = max(longest, stage.clock.clock.milliseconds() - start)
    }
    // Whenever the lag sender waits, others publish.
    let clock = stage.clock
    let pausing = Publishing(publish)
    let beside = Clock(
      milliseconds: clock.clock.milliseconds, monotonicMilliseconds: clock.clock.monotonicMilliseconds,
      pause: { milliseconds in
        clock.advance(milliseconds: milliseconds / 2)
        pausing.run()
        clock.advance(milliseconds: milliseconds - milliseconds / 2)
      })
    try publish()
    for _ in 0..<4 {
      _ = stage.sender(clock: beside).deliverLagging(stream: stage.stream, deadlineMilliseconds: stage.deadline)
      clock.advance(seconds: 20)
      try publish()
    }
    #expect(number > 12 && longest <= 100, "\(longest) ms")
    for name in ["a", "c"] { #expect(stage.wire.sequences(name) == (1...Int64(number)).map { $0 }) }
    #expect(stage.wire.attempts["b"] ?? 0 > 4)
  }

  @Test(
    "a 410 of a young connection is tried again, at the latest when it is old enough to be gone, and then it is removed"
  )
  func young() throws {
    let stage = LagStage()
    try stage.connect("a")
    try stage.connect("b", ago: 20)
    let start = stage.clock.clock.milliseconds()
    stage.wire.failures["b"] = (.refused(status: 410), false)
    try stage.publish(1)
    #expect(try stage.lagState("b") == "slow from 1")
    stage.wire.before = {
      // As `FanoutState` has it.
      if stage.clock.clock.milliseconds() >= start + 10_000 { stage.wire.gone = ["b"] }
    }
    // A lag sender ends where nothing is due for five seconds; another is asked for.
    while try stage.row("b") != nil, stage.clock.clock.milliseconds() < start + 11_000 {
      stage.deliverLagging()
      stage.clock.advance(milliseconds: 100)
    }
    #expect(5...9 ~= stage.wire.attempts["b"] ?? 0)
    #expect(10_000...10_500 ~= stage.clock.clock.milliseconds() - start)
    #expect(stage.wire.closed == ["b"])
    #expect(try stage.row("b") == nil)
    #expect(try Connections(table: stage.table, clock: stage.clock.clock).connection(id: stage.id("b")) == nil)
  }

  @Test("a young connection that comes up gets what it lacked at once")
  func youngComesUp() throws {
    let stage = LagStage()
    try stage.connect("b", ago: 0)
    stage.wire.failures["b"] = (.refused(status: 410), false)
    try stage.publish(1)
    stage.wire.failures = [:]
    let start = stage.clock.clock.milliseconds()
    stage.deliverLagging()
    #expect(stage.wire.sequences("b") == [1])
    #expect(stage.clock.clock.milliseconds() - start <= 500)
  }

  @Test("connections that are gone are closed and removed beside the rounds, all of them, also while they were slow")
  func gone() throws {
    let stage = try LagStage.lagging()
    for number in 0..<40 { try stage.connect("g\(number)") }
    stage.wire.gone = Set((0..<40).map { "g\($0)" } + ["b"])
    #expect(try stage.publish(2).counts.gone == 40)
    #expect(stage.wire.closed.isEmpty)
    stage.deliverLagging()
    #expect(Set(stage.wire.closed) == stage.wire.gone && stage.wire.closed.count == 41)
    #expect(try stage.storedRows().isEmpty)
    stage.wire.gone = []
    try stage.publish(3)
    #expect(stage.wire.attempts.keys.filter { stage.wire.attempts[$0] == 2 }.contains("b"))
    #expect(stage.wire.attempts["g1"] == 1)
  }

  @Test("listener rows of a connection whose own row is gone too are removed")
  func onlyListenerRows() throws {
    let stage = LagStage()
    try stage.connect("a", "b")
    try stage.table.delete(ItemKey(partition: "c#b", sort: "c"), if: .exists)
    stage.wire.gone = ["b"]
    try stage.publish(1)
    stage.deliverLagging()
    try stage.publish(2)
    #expect(stage.wire.attempts == ["a": 2, "b": 1])
  }

  @Test("one that takes its time lags on though it has everything, and is ready once it is prompt")
  func notPrompt() throws {
    let stage = try LagStage.lagging()
    stage.wire.late = ["b"]
    stage.deliverLagging()
    #expect(stage.wire.sequences("b") == [1])
    #expect(try stage.lagState("b") == "slow from 2")
    try stage.publish(2)
    #expect(stage.wire.sequences("b") == [1])
    stage.wire.late = []
    stage.clock.advance(seconds: 2)
    stage.deliverLagging()
    #expect(stage.wire.sequences("b") == [1, 2])
    #expect(try stage.row("b") == nil)
  }

  @Test("what is too large for it does not hold it up", arguments: [true, false])
  func tooLarge(isFirst: Bool) throws {
    let stage = isFirst ? LagStage() : try LagStage.lagging()
    if isFirst { try stage.connect("a", "b") }
    stage.wire.failures["b"] = (.refused(status: 413), false)
    if isFirst { try stage.publish(1) } else { stage.deliverLagging() }
    stage.wire.failures = [:]
    #expect(try stage.row("b") == nil)
    try stage.publish(2)
    #expect(stage.wire.sequences("b") == [2])
  }
}

/// Something that is run from where only what may be sent between threads is allowed; there is one thread.
private final class Publishing: @unchecked Sendable {
  private let body: () throws -> Void

  init(_ body: @escaping () throws -> Void) { self.body = body }

  func run() {
    do { try body() } catch { Issue.record(error) }
  }
}
