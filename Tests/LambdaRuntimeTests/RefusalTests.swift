import HTTPWire
import TestSupport
import Testing

@testable import LambdaRuntime

/// Statuses that Lambda answers with, and connections that fail.
@Suite struct RefusalTests {
  typealias Step = ScriptedRuntimeAPI.Step

  @Test(
    "an outcome that Lambda does not want any more is logged, and the next event is taken",
    arguments: [400, 404, 410, 413])
  func refused(status: Int) throws {
    let run = try Run(
      [.next(), .response(status), .next("throw"), .error(status), .next(), .response()], handling: thrower)
    #expect(run.violations == [])
    #expect(run.lines.count == 7)
    let warnings = run.log.filter { $0.contains(#""level":"WARN""#) }
    #expect(warnings.count == 2)
    #expect(warnings.allSatisfy { $0.contains(#""status":\#(status)"#) && $0.contains("Scripted") })
  }

  @Test("a refusal that no later call can mend ends the loop", arguments: [403, 500, 502])
  func fatal(status: Int) throws {
    let response = try Run([.next(), .response(status)])
    #expect(response.violations == [])
    #expect(response.lines.count == 2)
    #expect(response.end?.contains("response: refused with status \(status)") == true)
    let error = try Run([.next("throw"), .error(status)], handling: thrower)
    #expect(error.violations == [])
    #expect(error.end?.contains("error: refused with status \(status)") == true)
    let start = try Run([.initError(status)]) { throw Thrown() }
    #expect(start.end?.contains("init/error: refused with status \(status)") == true)
  }

  @Test("anything but an event in answer to next ends the loop", arguments: [202, 400, 403, 404, 500, 503])
  func nextRefused(status: Int) throws {
    let run = try Run([Step(request: .next, answer: Step.head(status), delivery: .whole)])
    #expect(run.lines == ["GET next"])
    #expect(run.end?.contains("next: refused with status \(status)") == true)
  }

  @Test("an event without id or deadline ends the loop, naming the header")
  func missingHeaders() throws {
    let id = "Lambda-Runtime-Aws-Request-Id"
    let deadline = "Lambda-Runtime-Deadline-Ms"
    for (header, fields) in [
      (id, "\(deadline): 1"), (id, "\(id): \r\n\(deadline): 1"), (deadline, "\(id): a"),
      (deadline, "\(id): a\r\n\(deadline): soon"),
    ] {
      let run = try Run([.raw(.next, "HTTP/1.1 200 OK\r\n\(fields)\r\nContent-Length: 0\r\n\r\n")])
      #expect(run.end == "Runtime API, next: the answer has no valid \(header)")
    }
  }

  // MARK: Connections

  @Test("a kept connection that died is replaced once, for each of the calls")
  func deadConnection() throws {
    let run = try Run(
      [
        .next(id: "a", delivery: .thenClosed), .response(id: "a", delivery: .thenClosed),
        .next("throw", id: "b", delivery: .thenClosed), .error(id: "b", delivery: .thenClosed),
      ], handling: thrower)
    #expect(run.violations == [])
    #expect(run.requests.map(\.connection) == [1, 2, 3, 4, 5])
  }

  @Test("a request that met no answer is sent once more, and not a third time")
  func noAnswer() throws {
    let next = try Run([.next(delivery: .dropped), .next(), .response()])
    #expect(next.violations == [])
    let twice = try Run([.next(delivery: .dropped), .next(delivery: .dropped)])
    #expect(twice.violations == [])
    #expect(twice.end?.hasSuffix("closed the connection without an answer, twice") == true)
  }

  @Test("an outcome that arrived although its answer was lost is not taken for refused", arguments: [202, 400, 403])
  func repeatedOutcome(status: Int) throws {
    let run = try Run(
      [
        .next(), .response(delivery: .dropped), .response(status), .next("throw"), .error(delivery: .dropped),
        .error(status),
      ], handling: thrower)
    #expect(run.violations == [])
    #expect(run.lines.last == "GET next")
    #expect(run.log.allSatisfy { !$0.contains("WARN") })
  }

  @Test("a connection that the Runtime API announces to close is not used again")
  func connectionClose() throws {
    let run = try Run([.next(headers: [("Connection", "close")]), .response()])
    #expect(run.violations == [])
    #expect(run.requests.map(\.connection) == [1, 2, 2])
  }

  @Test("an answer that ends early, wherever, ends the loop with words about it")
  func cutAnswer() throws {
    let step = Step.next(#"{"a":1}"#)
    for place in 1..<step.answer.count {
      var cut = step
      cut.delivery = .cut(after: place)
      let run = try Run([cut])
      #expect(run.lines == ["GET next"], "cut at \(place)")
      #expect(run.end?.contains("the connection ended inside an HTTP message") == true, "cut at \(place)")
    }
  }

  @Test("an answer arrives the same wherever it is split")
  func splitAnswer() throws {
    let event = Step.next(#"{"a":1}"#)
    let accepted = Step.response()
    let count = max(event.answer.count, accepted.answer.count)
    let script = (1..<count).flatMap { place in
      var steps = [event, accepted]
      for index in 0...1 { steps[index].delivery = .split(at: min(place, steps[index].answer.count - 1)) }
      return steps
    }
    let run = try Run(script) { event, _ in event }
    #expect(run.violations == [])
    #expect(run.requests.count == script.count + 1)
    #expect(run.requests.filter { $0.line.hasPrefix("POST") }.allSatisfy { text($0.body) == #"{"a":1}"# })
  }

  @Test("garbage, and bytes after the answer, end the loop")
  func garbage() throws {
    for answer in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", text(Step.next().answer) + "more"] {
      let run = try Run([.raw(.next, answer, delivery: .thenClosed)])
      #expect(run.end?.contains("sent no HTTP/1.1 answer") == true)
    }
  }

  @Test("an interim answer is read over, and a chunked event is put together")
  func interimAndChunks() throws {
    var events: [String] = []
    let head = "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-1\r\nLambda-Runtime-Deadline-Ms: 1\r\n"
    let chunked = head + "Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n"
    let run = try Run([.raw(.next, "HTTP/1.1 100 Continue\r\n\r\n" + chunked), .response()]) { event, _ in
      events.append(text(event))
      return event
    }
    #expect(run.violations == [])
    #expect(events == ["[1]"])
  }

  private func thrower(_ event: [UInt8], _ context: InvocationContext) throws -> [UInt8] {
    if event == bytes("throw") { throw Thrown() }
    return event
  }

  private struct Thrown: Error {}
}
