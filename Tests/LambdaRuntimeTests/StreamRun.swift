import Synchronization
import Telemetry
import TestSupport

@testable import LambdaRuntime

/// A streaming handler that is closures over a journal.
struct StreamHandler: StreamingLambdaHandler {
  final class Journal {
    var opened: [String] = []
    var closed: [String: StreamEndReason] = [:]
    var closes = 0
    var prepared: [Int64] = []
    var resumed: [(id: String, at: Int64)] = []
    var mostPending = 0
    var mostOpen = 0
  }

  struct Answer {
    let id: String
    let event: String
    var count = 0
  }

  let journal: Journal
  var now: Int64 = 0
  var onOpen: (String, ResponseWriter) throws -> Void = { _, writer in
    try writer.begin(200)
    writer.write(bytes("hello\n"))
  }
  var onResume: (inout Answer, ResponseWriter) throws -> StreamStep = { _, _ in .end }

  mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    try onOpen(text(event), writer)
    journal.opened.append(context.requestID)
    journal.mostOpen = max(journal.mostOpen, journal.opened.count - journal.closes)
    return Answer(id: context.requestID, event: text(event))
  }

  mutating func prepare(nowMilliseconds: Int64) {
    now = nowMilliseconds
    journal.prepared.append(nowMilliseconds)
  }

  mutating func resume(_ answer: inout Answer, writer: ResponseWriter) throws -> StreamStep {
    journal.resumed.append((answer.id, now))
    defer { journal.mostPending = max(journal.mostPending, writer.pendingBytes) }
    return try onResume(&answer, writer)
  }

  mutating func close(_ answer: Answer, reason: StreamEndReason) {
    journal.closes += 1
    journal.closed[answer.id] = reason
  }
}

/// What happened while a streaming handler ran under a simulated Runtime API, until that ended it.
struct StreamRun {
  let journal = StreamHandler.Journal()
  var end = ""
  var traces: [String?] = []
  var log: [String] = []

  init(_ api: SimulatedRuntimeAPI, concurrency: Int = 1, _ prepare: (inout StreamHandler) -> Void = { _ in }) throws {
    var handler = StreamHandler(journal: journal)
    prepare(&handler)
    let lines = Lines()
    let traces = Traces()
    // The loop runs on this thread alone.
    nonisolated(unsafe) let simulated = api
    let clock = Clock(milliseconds: { simulated.now }, monotonicMilliseconds: { simulated.now })
    var loop = StreamingLoop(
      handler,
      on: StreamingGround(
        address: try SocketAddress("127.0.0.1:9001"), calls: api.calls, clock: clock,
        log: Log(minimum: .trace, write: lines.append), concurrency: concurrency,
        setTrace: { traces.all.append($0) }))
    do {
      try loop.run()
    } catch {
      end = "\(error)"
    }
    self.traces = traces.all
    log = lines.all
  }

  private final class Traces { var all: [String?] = [] }
}

/// Lines `1`, `2` … up to the number that the event is, one each `milliseconds`.
func counting(_ writer: ResponseWriter, _ answer: inout StreamHandler.Answer, milliseconds: Int64) -> StreamStep {
  guard answer.count < Int(answer.event) ?? 0 else { return .end }
  answer.count += 1
  writer.write(bytes("\(answer.count)\n"))
  return .wait(milliseconds: milliseconds)
}

/// What `counting` makes of a number.
func counted(_ count: Int) -> String { "hello\n" + (1...max(count, 1)).map { "\($0)\n" }.joined() }
