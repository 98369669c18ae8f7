import ConnectionStore
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

@Suite("connections that are slow, when something comes between")
struct LagInterruptionTests {
  @Test("whatever ends the lag between any two steps of the lag sender, nothing is lacking and the newest comes last")
  func interrupted() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let stage = try LagStage.lagging()
      let table = InterruptedTable(stage.table, before: callIndex) {
        // As a subscribe does that shows the state, and then its sender.
        let pauses = try stage.rows.pause([stage.stream], id: stage.id("b"))
        try stage.rows.resume(pauses, id: stage.id("b"))
        stage.send()
        try stage.publish(2)
      }
      let wire = Wire()
      wire.other = stage.wire
      _ = stage.sender(over: table, lagSender: wire).deliverLagging(
        stream: stage.stream, deadlineMilliseconds: stage.deadline)
      guard table.isInterrupted else { break }
      // What a round has sent it since is not posted by a lag sender that knows no better.
      #expect(wire.sequences("b").allSatisfy { $0 == 1 }, "interrupted at call \(callIndex)")
      if let error = table.error { throw error }
      stage.clock.advance(seconds: 31)
      stage.deliverLagging()
      #expect(stage.wire.sequences("b").last == 2, "interrupted at call \(callIndex)")
      try stage.publish(3)
      let sequences = stage.wire.sequences("b")
      #expect(Set(sequences) == [1, 2, 3] && sequences.last == 3, "interrupted at call \(callIndex): \(sequences)")
      #expect(try stage.row("b") == nil, "interrupted at call \(callIndex)")
      // Once who lags was read after how far was delivered, there is nobody.
      if callIndex <= 3 { #expect(sequences == [1, 2, 3], "interrupted at call \(callIndex): \(sequences)") }
    }
    #expect(callIndex > 6)
  }

  @Test("what hung and was posted again after delivery was paused comes before the newest")
  func pausedThere() throws {
    let stage = try LagStage.lagging()
    stage.wire.failures["b"] = (.hung, true)
    stage.wire.before = {
      stage.wire.before = nil
      let pauses = try stage.rows.pause([stage.stream], id: stage.id("b"))
      let row = try stage.row("b")
      #expect(row?.isSlow == false)
      try stage.rows.resume(pauses, id: stage.id("b"))
    }
    stage.deliverLagging()
    stage.wire.failures = [:]
    stage.clock.advance(seconds: 31)
    stage.deliverLagging()
    try stage.publish(2)
    #expect(stage.wire.sequences("b").last == 2 && Set(stage.wire.sequences("b")) == [1, 2])
  }

  @Test("a delivery pause is not ended by what a lag sender writes")
  func stillPaused() throws {
    let stage = try LagStage.lagging()
    stage.wire.before = {
      stage.wire.before = nil
      _ = try stage.rows.pause([stage.stream], id: stage.id("b"))
    }
    stage.deliverLagging()
    let row = try #require(try stage.row("b"))
    #expect(!row.isSlow && row.from == 1 && row.dueAtMilliseconds > stage.clock.clock.milliseconds() + 5_000)
  }

  @Test("retries outlive an invocation whose time is up, and none is due soon after one that ends")
  func timeIsUp() throws {
    let stage = try LagStage.lagging()
    stage.wire.failures["b"] = (.hung, false)
    stage.wire.before = { stage.clock.advance(seconds: 21) }
    #expect(stage.deliverLagging().isLagDue)
    #expect(try stage.row("b")?.failures == 2)
    stage.wire.before = nil
    let start = stage.clock.clock.milliseconds()
    #expect(!stage.deliverLagging().isLagDue)
    #expect(stage.clock.clock.milliseconds() - start < 20_000)
    #expect(try #require(try stage.row("b")).dueAtMilliseconds > stage.clock.clock.milliseconds() + 5_000)
  }

  @Test("a lag sender whose time is up before its fan-out begins has delivered nothing")
  func noTimeToPost() throws {
    let stage = try LagStage.lagging()
    stage.wire.isOutOfTime = true
    stage.deliverLagging()
    #expect(try stage.lagState("b") == "slow from 1")
    stage.wire.isOutOfTime = false
    stage.deliverLagging()
    try stage.publish(2)
    #expect(stage.wire.sequences("b") == [1, 2])
  }

  @Test("a round asks for a lag sender where no process serves a slow connection that is due")
  func dueForLong() throws {
    let stage = try LagStage.lagging()
    #expect(try !stage.publish(2).isLagDue)
    stage.clock.advance(seconds: 3)
    #expect(try stage.publish(3).isLagDue)
  }

  @Test("a lag sender that dies at any call to the table is continued: nothing is lacking, the newest comes last")
  func dies() throws {
    var stages: [LagStage] = []
    let most = try failEachCall {
      stages = [try LagStage.lagging()]
      stages[0].wire.gone = ["g"]
      try stages[0].connect("g")
      try stages[0].publish(2)
      return stages[0].table
    } _: { table in
      stages[0].deliverLagging(over: table)
    } check: { _, _, run in
      let stage = stages[0]
      // The leases of the dead end.
      stage.clock.advance(seconds: 31)
      stage.deliverLagging()
      try stage.publish(3)
      for name in ["a", "b"] {
        let sequences = stage.wire.sequences(name)
        #expect(Set(sequences) == [1, 2, 3] && sequences.last == 3, "\(run): \(sequences)")
      }
      #expect(try stage.storedRows().isEmpty, "\(run)")
      #expect(stage.wire.closed.contains("g") && stage.wire.attempts["g"] == 1, "\(run)")
    }
    #expect(most > 10)
  }

  @Test(
    "a round that records many at once, and dies at any call to the table, is continued: no connection lacks anything")
  func roundDies() throws {
    var stages: [LagStage] = []
    let names = (0..<12).map { "c\($0)" }
    let most = try failEachCall {
      let stage = LagStage()
      for name in names { try stage.connect(name) }
      stage.wire.refusing = Set(names.prefix(9))
      stage.wire.gone = [names[9]]
      try stage.append(1)
      stages = [stage]
      return stage.table
    } _: { table in
      stages[0].send(over: table)
    } check: { _, _, run in
      let stage = stages[0]
      stage.wire.refusing = []
      stage.clock.advance(seconds: 31)
      stage.send()
      stage.deliverLagging()
      try stage.publish(2)
      for name in names where name != names[9] {
        #expect(Set(stage.wire.sequences(name)) == [1, 2] && stage.wire.sequences(name).last == 2, "\(run): \(name)")
      }
    }
    #expect(most > 6)
  }

  @Test("a round of several who are ready, and a table that fails at any call: each has what its row said was lacking")
  func readyFails() throws {
    var stages: [LagStage] = []
    let most = try failEachCall {
      let stage = LagStage()
      try stage.connect("a", "b", "c", "d")
      for number in 1...3 { try stage.publish(number) }
      let head = try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: stage.stream)
      let lags = [("b", 1), ("c", 2), ("d", 3)].map { Lag(id: stage.id($0.0), from: $0.1) }
      try stage.rows.record(lags, stream: stage.stream, epoch: head?.epoch ?? "")
      stages = [stage]
      return stage.table
    } _: { table in
      stages[0].send(over: table)
    } check: { _, _, run in
      let stage = stages[0]
      stage.clock.advance(seconds: 31)
      stage.send()
      stage.deliverLagging()
      for (name, from) in [("b", 1), ("c", 2), ("d", 3)] as [(String, Int64)] {
        let again = Array(stage.wire.sequences(name).dropFirst(3))
        let wanted = Set(from...3)
        #expect(Set(again) == wanted && again.last == 3, "\(run): \(name) \(again)")
      }
      let rows = try stage.storedRows()
      #expect(rows.isEmpty, "\(run)")
    }
    #expect(most > 8)
  }
}
