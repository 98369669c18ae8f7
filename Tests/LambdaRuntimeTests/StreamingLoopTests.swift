import HTTPWire
import TestSupport
import Testing

@testable import LambdaRuntime

@Suite("Streamed answers, several at once")
struct StreamingLoopTests {
  @Test("sixteen answers are open at once, each with its own lines in their order")
  func interleaved() throws {
    let api = SimulatedRuntimeAPI()
    api.events = (1...40).map { ("id-\($0)", "\($0 % 7)") }
    let run = try StreamRun(api, concurrency: 16) { handler in
      handler.onResume = { answer, writer in
        let milliseconds = 3 + Int64(answer.id.utf8.last ?? 0) % 5
        return counting(writer, &answer, milliseconds: milliseconds)
      }
    }
    for number in 1...40 {
      let response = try #require(api.response("id-\(number)"))
      #expect(response.streamed == (number % 7 == 0 ? "hello\n" : counted(number % 7)))
      #expect(response.isComplete)
    }
    #expect(run.journal.mostOpen == 16)
    #expect(run.journal.closes == 40)
    #expect(run.journal.closed.values.allSatisfy { $0 == .ended })
    #expect(api.mostDescriptors == 16)
    #expect(api.openDescriptors.isEmpty)
  }

  @Test("without more asked for, one answer is open at a time")
  func one() throws {
    let api = SimulatedRuntimeAPI()
    api.events = (1...5).map { ("id-\($0)", "3") }
    let run = try StreamRun(api) { $0.onResume = { counting($1, &$0, milliseconds: 10) } }
    #expect(run.journal.mostOpen == 1)
    #expect(api.mostDescriptors == 1)
  }

  @Test("an answer is resumed in the turn in which it was opened, and then when it is due")
  func due() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "3")]
    let run = try StreamRun(api) { $0.onResume = { counting($1, &$0, milliseconds: 250) } }
    #expect(run.journal.resumed.map(\.at) == [1_000, 1_250, 1_500, 1_750])
  }

  @Test("answers that wait for the same moment are resumed in one turn, after one preparation")
  func together() throws {
    let api = SimulatedRuntimeAPI()
    api.events = (1...16).map { ("id-\($0)", "4") }
    let clock = api
    let run = try StreamRun(api, concurrency: 16) { handler in
      handler.onResume = { answer, writer in
        guard counting(writer, &answer, milliseconds: 1) != .end else { return .end }
        return .wait(milliseconds: 100 - clock.now % 100)
      }
    }
    // The first turns bring the slots into being; then each tick is one preparation for sixteen answers.
    #expect(run.journal.prepared.filter { $0 > 1_000 } == [1_100, 1_200, 1_300, 1_400])
    for tick in [1_100, 1_200, 1_300] as [Int64] {
      #expect(run.journal.resumed.filter { $0.at == tick }.count == 16)
    }
  }

  @Test("the loop turns only when something is to be done")
  func noBusyLoop() throws {
    let api = SimulatedRuntimeAPI()
    api.events = (1...16).map { ("id-\($0)", "10") }
    let run = try StreamRun(api, concurrency: 16) { handler in
      handler.onResume = { counting($1, &$0, milliseconds: 60_000) }
    }
    // 16 nexts, 16 events, eleven turns for each answer at most, 16 acknowledgements.
    #expect(run.journal.resumed.count == 16 * 11)
    #expect(api.polls < 16 * 14)
    #expect(api.now == 601_000)
  }

  @Test("a wait of nothing, or of less, is a millisecond")
  func shortestWait() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "3")]
    let run = try StreamRun(api) { $0.onResume = { counting($1, &$0, milliseconds: -5) } }
    #expect(run.journal.resumed.map(\.at) == [1_000, 1_001, 1_002, 1_003])
  }

  @Test("the trace of the invocation is set where there is one at a time, and never among several")
  func trace() throws {
    for (concurrency, expected) in [(1, ["t", "t"]), (2, [])] as [(Int, [String?])] {
      let api = SimulatedRuntimeAPI()
      api.eventHeaders = [("Lambda-Runtime-Trace-Id", "t")]
      api.events = [("a", ""), ("b", "")]
      let run = try StreamRun(api, concurrency: concurrency)
      #expect(run.traces == expected)
    }
  }

  @Test("a failed answer concerns no other one")
  func separateFailures() throws {
    let api = SimulatedRuntimeAPI()
    api.events = (1...8).map { ("id-\($0)", $0 % 2 == 0 ? "bad" : "4") }
    let run = try StreamRun(api, concurrency: 8) { handler in
      handler.onResume = { answer, writer in
        if answer.event == "bad" { throw Thrown() }
        return counting(writer, &answer, milliseconds: 20)
      }
    }
    for number in 1...8 {
      #expect(run.journal.closed["id-\(number)"] == (number % 2 == 0 ? .failed : .ended))
      #expect(api.response("id-\(number)")?.trailers.count == (number % 2 == 0 ? 2 : 0))
    }
  }

  @Test("answers arrive the same whatever pieces the socket moves")
  func pieces() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    for _ in 0..<30 {
      let api = SimulatedRuntimeAPI()
      let largest = [1, 7, 60, 3_000].randomElement(using: &generator) ?? 1
      api.pieceBytes = { Int.random(in: 1...largest, using: &generator) }
      api.events = (1...6).map { ("id-\($0)", "\($0 * 3)") }
      let run = try StreamRun(api, concurrency: 4) { handler in
        handler.onResume = { counting($1, &$0, milliseconds: 2) }
      }
      for number in 1...6 {
        #expect(api.response("id-\(number)")?.streamed == counted(number * 3), "seed \(seed)")
      }
      #expect(run.journal.closed.values.allSatisfy { $0 == .ended }, "seed \(seed)")
    }
  }

  @Test("a first event does not wait until all slots ask for one")
  func firstEventFirst() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "0")]
    _ = try StreamRun(api, concurrency: 256)
    let first = try #require(api.names.firstIndex(of: "POST a/response"))
    #expect(api.names[..<first].count <= 17)
    #expect(api.names.count { $0 == "GET next" } == 257)
  }

  private struct Thrown: Error {}
}
