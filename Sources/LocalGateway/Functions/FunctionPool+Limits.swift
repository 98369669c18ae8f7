extension FunctionPool {
  /// Times in milliseconds.
  struct Limits {
    /// Processes at a time.
    var maximumEnvironments = 10
    /// Invocations that one environment runs at a time (`AWS_LAMBDA_MAX_CONCURRENCY`).
    var slots = 1
    /// Invocations of the function at a time, those that wait among them: reserved concurrency. What comes beyond is
    /// throttled at once.
    var concurrency = Int.max
    /// Invocations that wait for an environment, and their payloads' bytes together.
    var queueLength = 10_000
    var queueBytes = 64 << 20
    /// From the start of a process to its first call for an invocation (Lambda: 10 s).
    var initMilliseconds: Int64 = 10_000
    /// From the delivery of an invocation to the call for the next one.
    var timeoutMilliseconds: Int64 = 30_000
    /// From an environment's first call for an invocation to those of its other slots; what waits longer for them has
    /// another environment started.
    var slotMilliseconds: Int64 = 1000
    /// An environment without work is ended after that time.
    var idleMilliseconds: Int64 = 300_000
    /// From SIGTERM to SIGKILL.
    var stopMilliseconds: Int64 = 2000
    /// The pause after a start that failed, which doubles up to the longest.
    var firstPauseMilliseconds: Int64 = 100
    var longestPauseMilliseconds: Int64 = 5000

    func pauseMilliseconds(afterFailures failures: Int) -> Int64 {
      min(firstPauseMilliseconds << Int64(min(failures - 1, 20)), longestPauseMilliseconds)
    }
  }

  /// Why an invocation ended without an answer of the function.
  enum Failure: Equatable {
    /// The process ended, at its start or while it ran the invocation.
    case ended(ProcessEnd)
    /// The process could not be started: the error type and what was tried.
    case notStarted(type: String, message: String)
    /// The function posted `/init/error`: its document, its type.
    case initError(document: [UInt8], type: String)
    case initTimedOut
    /// The function's own time is over.
    case timedOut
    /// Its caller waits no longer; the function may go on.
    case callerTimedOut
    case throttled
    /// The gateway is stopping.
    case stopped
  }
}

/// How a process ended.
enum ProcessEnd: Equatable, CustomStringConvertible {
  case exited(status: Int32)
  case killed(signal: Int32)

  /// In Lambda's words: `exit status 1`, `signal: killed`.
  var description: String {
    switch self {
    case .exited(let status): "exit status \(status)"
    case .killed(let signal): "signal: \(Self.name(ofSignal: signal))"
    }
  }

  /// As Go, and so Lambda, names signals on Linux.
  private static func name(ofSignal signal: Int32) -> String {
    switch signal {
    case 1: "hangup"
    case 2: "interrupt"
    case 3: "quit"
    case 4: "illegal instruction"
    case 5: "trace/breakpoint trap"
    case 6: "aborted"
    case 7: "bus error"
    case 8: "floating point exception"
    case 9: "killed"
    case 11: "segmentation fault"
    case 13: "broken pipe"
    case 14: "alarm clock"
    case 15: "terminated"
    default: "signal \(signal)"
    }
  }
}
