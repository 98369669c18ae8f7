extension FunctionPool {
  enum Action: Equatable {
    /// Start a process, whose first call for the next invocation is awaited.
    case start(EnvironmentID)
    /// Answer the call for the next invocation that the environment has made.
    case deliver(InvocationID, to: EnvironmentID)
    /// End the invocation without an answer of the function.
    case fail(InvocationID, Failure)
    /// Ask the process to end (SIGTERM).
    case terminate(EnvironmentID)
    /// End the process (SIGKILL).
    case kill(EnvironmentID)
  }

  /// What the Runtime API says to an answer (`/response` or `/error`).
  enum Verdict: Equatable {
    case accepted(InvocationID)
    /// 400: not the invocation at hand.
    case invalidRequestID
    /// 403: nothing was delivered yet, or the one at hand is answered already.
    case invalidStateTransition
    /// 410: the function's time is over.
    case timedOut
  }

  /// Where an environment stands.
  enum Phase {
    case starting(deadline: Int64)
    case serving(Slots)
    /// Told to end; to be killed at a moment, or killed already.
    case ending(killAt: Int64?, timedOut: Bool)
  }

  /// What an environment does that has started. Ordinarily it has one slot: one invocation at a time.
  struct Slots {
    /// Invocations that are not answered, with the moments at which their time is over.
    var running: [InvocationID: Int64] = [:]
    /// Of an environment with several slots: invocations that failed for lack of time, whose slots have not come back.
    var overdue: [InvocationID: Int64] = [:]
    /// Answered, and the slot not yet back for the next one: Lambda counts this as part of the invocation.
    var answered: [(id: InvocationID, deadline: Int64)] = []
    /// Calls for the next invocation that wait.
    var asking = 0
    /// The most slots that were seen at once, and until when the others are still expected.
    var seen = 0
    let expectedUntil: Int64
    /// When an environment without work is ended.
    var idleUntil = Int64.max

    var occupied: Int { running.count + overdue.count + answered.count }
    var isIdle: Bool { occupied == 0 }

    /// Moments at which something is to be done about them.
    var moments: [Int64] {
      isIdle ? [idleUntil] : Array(running.values) + overdue.values + answered.map(\.deadline)
    }
  }
}
