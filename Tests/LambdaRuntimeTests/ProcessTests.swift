import Glibc
import Testing

@testable import LambdaRuntime

/// What concerns the whole process, each in a process of its own.
@Suite struct ProcessTests {
  private struct Silent: LambdaHandler {
    mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] { [] }
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

  private struct Streamed: StreamingLambdaHandler {
    mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws {}
    mutating func resume(_ answer: inout Void, writer: ResponseWriter) throws -> StreamStep { .end }
  }

  @Test("a program that streams ends as others do: without its variables, and where nobody serves the Runtime API")
  func streamed() async throws {
    let wrong = try await #require(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
      setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1", 1)
      setenv("AWS_LAMBDA_MAX_CONCURRENCY", "all", 1)
      LambdaRuntime.run(streaming: Streamed())
    }
    #expect(String(decoding: wrong.standardErrorContent, as: UTF8.self).contains("AWS_LAMBDA_MAX_CONCURRENCY is 'all'"))
    let unreachable = try await #require(processExitsWith: .exitCode(1), observing: [\.standardOutputContent]) {
      setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1", 1)
      setenv("AWS_LAMBDA_MAX_CONCURRENCY", "4", 1)
      LambdaRuntime.run(streaming: Streamed())
    }
    let log = String(decoding: unreachable.standardOutputContent, as: UTF8.self)
    #expect(log.contains("Connection refused (111)") && log.contains(#""level":"FATAL""#))
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
      ProcessTests.unblock(SIGALRM)
      let steps = (0..<20).flatMap { _ in
        [ScriptedRuntimeAPI.Step.next(delivery: .afterSignals), .response(delivery: .afterSignals)]
      }
      let run = try Run(steps)
      precondition(run.violations.isEmpty && run.requests.count == 41, run.end ?? "")
      precondition(run.requests.allSatisfy { $0.connection == 1 })
      exit(0)
    }
  }

  @Test("a connection that closes under a large answer does not kill the process")
  func brokenPipe() async {
    await #expect(processExitsWith: .success) {
      ProcessTests.unblock(SIGPIPE)
      let run = try Run([.next(delivery: .thenClosed), .response()]) { _, _ in [UInt8](repeating: 0x20, count: 6 << 20)
      }
      precondition(run.violations.isEmpty && run.requests[1].body.count == 6 << 20, run.end ?? "")
      exit(0)
    }
  }

  /// The threads that tests run on have all signals blocked.
  private static func unblock(_ signal: Int32) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, signal)
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
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
