import Glibc
import Testing

@testable import LambdaRuntime

/// What concerns the whole process, each in a process of its own.
@Suite struct ProcessTests {
  private struct Silent: LambdaHandler {
    mutating func handle(_ event: [UInt8], _ context: InvocationContext) throws -> [UInt8] { [] }
  }

  @Test("without the variable the program names it, with an example, and exits with status 78")
  func missingVariable() async throws {
    let result = try await #require(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
      unsetenv("AWS_LAMBDA_RUNTIME_API")
      LambdaRuntime.run(Silent())
    }
    let message = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(message.contains("AWS_LAMBDA_RUNTIME_API is not set; for example AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"))
  }

  @Test("a Runtime API that nobody serves ends the program with status 1 and the reason")
  func unreachable() async throws {
    let result = try await #require(processExitsWith: .exitCode(1), observing: [\.standardOutputContent]) {
      setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1", 1)
      LambdaRuntime.run(Silent())
    }
    let log = String(decoding: result.standardOutputContent, as: UTF8.self)
    #expect(log.contains("cannot connect to 127.0.0.1:1: Connection refused (111)"))
    #expect(log.contains(#""level":"FATAL""#))
  }

  @Test("the trace variable is set, replaced, made longer and unset")
  func traceVariable() async {
    await #expect(processExitsWith: .success) {
      func current() -> String? { getenv("_X_AMZN_TRACE_ID").map { String(cString: $0) } }
      let trace = TraceVariable()
      for value in ["Root=1", "Root=22;Sampled=1", "R", String(repeating: "x", count: 5000), "Root=3"] {
        trace.set(value)
        precondition(current() == value)
      }
      trace.set(nil)
      precondition(current() == nil)
      trace.set("Root=4")
      precondition(current() == "Root=4")
      trace.set("a\0b")
      precondition(current() == nil)
      exit(0)
    }
  }

  @Test("a signal does not disturb an invocation")
  func interruptedCalls() async {
    await #expect(processExitsWith: .success) {
      var action = sigaction()
      action.__sigaction_handler.sa_handler = { _ in }
      sigaction(SIGALRM, &action, nil)
      // Every half millisecond, into whichever call the loop is in.
      var timer = itimerval(it_interval: timeval(tv_sec: 0, tv_usec: 500), it_value: timeval(tv_sec: 0, tv_usec: 500))
      setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &timer, nil)
      let steps = (0..<200).flatMap { _ in [ScriptedRuntimeAPI.Step.next(delivery: .split(at: 20)), .response()] }
      let run = try Run(steps)
      precondition(run.requests.count == 401, run.end ?? "")
      exit(0)
    }
  }

  @Test("an address is four numbers and a port")
  func address() throws {
    #expect(try SocketAddress("127.0.0.1:9001").port == 9001)
    #expect(try SocketAddress("localhost:1").host == in_addr_t(0x7F00_0001).bigEndian)
    for text in [
      "", "127.0.0.1", ":9001", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "example.org:80", "::1:80",
      "127.0.0.1:80/",
    ] {
      #expect(throws: SocketError.self, "\(text)") { try SocketAddress(text) }
    }
  }
}
