import LambdaEvents

/// Invocations that others go before: those in which the Publisher brings up connections that lag, each busy for seconds with one
/// stream. They use half of the environments, or of these ones' slots, at most, so that however many streams lag a publish finds one that is free, or may be
/// started.
extension FunctionPool {
  private var maximumInBackground: Int { max(1, limits.maximumEnvironments * limits.slots / 2) }

  private var backgroundRunCount: Int { backgroundRuns.values.reduce(0) { $0 + $1.count } }

  var hasRoomInBackground: Bool { backgroundRunCount < maximumInBackground }

  /// Of those that wait so many as may run once there are environments.
  var runnableCount: Int {
    waitingCount - backgroundWaiting + min(backgroundWaiting, max(0, maximumInBackground - backgroundRunCount))
  }

  /// One of them may wait while an environment is idle; now that another has ended it need not.
  mutating func runOnIdle(now: Int64) -> [Action] {
    var actions: [Action] = []
    while !isStopped, let environment = free.last, let id = dequeue() {
      actions.append(runOnFree(id: id, environment: environment, now: now))
    }
    return actions
  }
}

extension InternalInvocation {
  /// Whether others go before it.
  var isInBackground: Bool { if case .lag = self { true } else { false } }
}
