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
    case idle(until: Int64)
    case running(InvocationID, deadline: Int64)
    /// Answered, and not yet back for the next one: Lambda counts this as part of the invocation.
    case answered(deadline: Int64)
    /// Told to end; to be killed at a moment, or killed already.
    case ending(killAt: Int64?, timedOut: Bool)
  }
}
