import TestSupport
import Testing

@testable import LambdaRuntime

@Suite("Streamed answers whose other side fails, leaves or takes nothing")
struct StreamOutageTests {
  private func counting(_ handler: inout StreamHandler) {
    handler.onResume = { LambdaRuntimeTests.counting($1, &$0, milliseconds: 10) }
  }

  // MARK: The other side leaves

  @Test("a response whose connection ends, wherever, closes its answer once, and the slot goes on")
  func cuts() throws {
    let whole = SimulatedRuntimeAPI()
    whole.events = [("a", "3")]
    _ = try StreamRun(whole, counting)
    let length =
      try #require(whole.response("a").flatMap { whole.wire(of: $0).split(separator: "POST ").last?.utf8.count }) + 5
    for place in 0..<length {
      let api = SimulatedRuntimeAPI()
      api.events = [("a", "3"), ("b", "3")]
      api.cuts["a"] = place
      let run = try StreamRun(api, counting)
      #expect(run.journal.closes == 2, "cut after \(place) bytes")
      #expect(run.journal.closed["b"] == .ended, "cut after \(place) bytes")
      #expect(api.response("b")?.streamed == counted(3), "cut after \(place) bytes")
      #expect(api.openDescriptors.isEmpty)
    }
  }

  @Test("an answer whose other side has closed is gone without anything being written")
  func closedWhileWaiting() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "1"), ("b", "1")]
    api.timeline = [(1_500, { $0.closeResponses() })]
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, writer in
        let milliseconds: Int64 = answer.id == "a" ? 60_000 : 10
        return LambdaRuntimeTests.counting(writer, &answer, milliseconds: milliseconds)
      }
    }
    #expect(run.journal.closed == ["a": .gone, "b": .ended])
    #expect(api.now < 2_000)
  }

  // MARK: Refusals

  @Test("an answer that Lambda refuses while it is written is gone, and the slot goes on", arguments: [400, 410, 413])
  func refusedInTheMiddle(status: Int) throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "50"), ("b", "1")]
    api.earlyAnswers["a"] = (bytes: 60, status: status)
    let run = try StreamRun(api, counting)
    #expect(run.journal.closed == ["a": .gone, "b": .ended])
    #expect(run.log.filter { $0.contains("did not take the outcome") && $0.contains("\(status)") }.count == 1)
    #expect(api.response("a")?.isComplete == false)
  }

  @Test("an answer that Lambda accepts before its end is written to its end")
  func acceptedEarly() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "5"), ("b", "1")]
    api.earlyAnswers["a"] = (bytes: 50, status: 202)
    api.statuses["a"] = 0
    let run = try StreamRun(api, counting)
    #expect(run.journal.closed == ["a": .ended, "b": .ended])
    #expect(api.response("a")?.streamed == counted(5))
  }

  @Test("a whole answer that Lambda refuses is logged, and the slot goes on", arguments: [400, 410, 413])
  func refusedAtTheEnd(status: Int) throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "1"), ("b", "1")]
    api.statuses["a"] = status
    let run = try StreamRun(api, counting)
    #expect(run.journal.closed == ["a": .ended, "b": .ended])
    #expect(run.log.contains { $0.contains("did not take the outcome") })
  }

  @Test("a refusal after which nothing can go on ends the loop, with every open answer closed", arguments: [403, 500])
  func fatal(status: Int) throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "1"), ("b", "100"), ("c", "100")]
    api.statuses["a"] = status
    let run = try StreamRun(api, concurrency: 3, counting)
    #expect(run.end.contains("response: refused with status \(status)"))
    #expect(run.journal.closed == ["a": .ended, "b": .stopped, "c": .stopped])
    #expect(run.journal.closes == 3)
  }

  // MARK: Calls that fail

  @Test("whichever call on a socket fails, each answer is closed once and no descriptor is left")
  func eachCallFails() throws {
    let (whole, _) = try failing(call: .max)
    #expect(whole.callCount > 30)
    for number in 1...whole.callCount {
      let (api, run) = try failing(call: number)
      #expect(run.journal.closes == run.journal.opened.count, "call \(number)")
      #expect(run.journal.closed.count == run.journal.closes, "call \(number)")
      #expect(api.openDescriptors.isEmpty, "call \(number)")
      // One failed call is survived by all: only a connection that cannot be made, or an answer cut in its middle, is not.
      let survives = run.end.contains("refused with status 403")
      #expect(
        survives || run.end.contains("Connection refused") || run.end.contains("reset"), "call \(number): \(run.end)")
    }
  }

  private func failing(call number: Int) throws -> (SimulatedRuntimeAPI, StreamRun) {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "2"), ("throw", "throw"), ("b", "2"), ("c", "1"), ("whole", "0")]
    api.failingCall = number
    let run = try StreamRun(api, concurrency: 2) { handler in
      handler.onOpen = { event, writer in
        if event == "throw" { throw Thrown() }
        if event == "0" { return writer.answer(bytes("{}")) }
        try writer.begin(200)
        writer.write(bytes("hello\n"))
      }
      counting(&handler)
    }
    return (api, run)
  }

  @Test("next is sent once more if its connection dies before a byte of an event came, and not a third time")
  func repeatedNext() throws {
    let api = SimulatedRuntimeAPI()
    api.timeline = [
      (1_100, { $0.closeWaiting() }),
      (
        1_200,
        {
          $0.events = [("a", "1")]
          $0.giveEvents()
        }
      ), (1_300, { $0.closeWaiting() }), (1_400, { $0.closeWaiting() }),
    ]
    // That `next` was repeated excuses no refusal of the answer.
    api.statuses["a"] = 400
    let run = try StreamRun(api, counting)
    #expect(run.journal.closed == ["a": .ended])
    #expect(run.log.contains { $0.contains("did not take the outcome") })
    #expect(run.end.contains("closed the connection without an answer"))
    #expect(api.names.suffix(2) == ["GET next", "GET next"])
  }

  // MARK: Who takes nothing

  @Test("what nobody takes is bounded: the handler is told, waits for room, and goes on when there is some")
  func noRoom() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    api.rooms["a"] = 20_000
    api.timeline = [(61_000, { $0.makeRoom() })]
    let line = bytes(String(repeating: "x", count: 999) + "\n")
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, writer in
        while answer.count < 500 {
          guard writer.hasRoom else { return .waitForRoom(milliseconds: 300_000) }
          answer.count += 1
          writer.write(line)
        }
        return .end
      }
    }
    #expect(run.journal.mostPending < ResponseWriter.roomBytes + 1_000 + 100)
    #expect(run.journal.closed == ["a": .ended])
    #expect(api.response("a")?.streamed?.utf8.count == 6 + 500 * 1_000)
    // Nothing was resumed while there was no room.
    #expect(!run.journal.resumed.contains { 1_001..<61_000 ~= $0.at })
    #expect(api.polls < 100)
  }

  @Test("who takes nothing for too long is not waited for")
  func waitsNoLonger() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    api.rooms["a"] = 5_000
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, writer in
        answer.count += 1
        if answer.count > 1, !writer.hasRoom { throw TookNothing() }
        writer.write([UInt8](repeating: 0x78, count: 100_000))
        return .waitForRoom(milliseconds: 300_000)
      }
    }
    #expect(run.journal.resumed.map(\.at) == [1_000, 301_000])
    #expect(run.journal.closed == ["a": .failed])
  }

  @Test("a handler that writes without room fails by its own answer when a mebibyte waits")
  func writesWithoutRoom() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    api.rooms["a"] = 1_000
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, writer in
        writer.write([UInt8](repeating: 0x78, count: 60_000))
        return .wait(milliseconds: 10)
      }
    }
    #expect(run.journal.mostPending <= ResponseWriter.maximumPendingBytes)
    #expect(run.journal.mostPending > ResponseWriter.maximumPendingBytes - 60_000)
    #expect(run.journal.closed == ["a": .failed])
    #expect(run.log.contains { $0.contains("Function.NoRoom") })
  }

  @Test("one write of any size is taken while there is room")
  func largeWrite() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, writer in
        guard answer.count == 0 else { return .end }
        answer.count = 1
        writer.write([UInt8](repeating: 0x78, count: 7_000_000))
        return .waitForRoom(milliseconds: 1_000)
      }
    }
    #expect(api.response("a")?.streamed?.utf8.count == 7_000_006)
    #expect(run.journal.closed == ["a": .ended])
  }

  @Test("an answer that waits for room it has turns no loop")
  func needlessWaitForRoom() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "")]
    let run = try StreamRun(api) { handler in
      handler.onResume = { answer, _ in
        answer.count += 1
        return answer.count > 10 ? .end : .waitForRoom(milliseconds: 1_000)
      }
    }
    #expect(run.journal.resumed.map(\.at) == Array(1_000...1_010))
  }

  @Test("an answer that is over and that nobody takes holds its slot for half a minute")
  func linger() throws {
    let api = SimulatedRuntimeAPI()
    api.events = [("a", "200"), ("b", "1")]
    api.rooms["a"] = 300
    let run = try StreamRun(api) { handler in
      handler.onResume = { LambdaRuntimeTests.counting($1, &$0, milliseconds: 1) }
    }
    #expect(run.journal.closed == ["a": .ended, "b": .ended])
    #expect(api.now == 1_200 + 30_000 + 1)
    #expect(
      run.log.contains { $0.contains("did not take the whole of a streamed answer") && $0.contains("missingBytes") })
  }

  private struct Thrown: Error {}
  private struct TookNothing: Error {}
}
