/// When environments are started, and what becomes of those who wait when that fails.
extension FunctionPool {
  mutating func startIfNeeded(now: Int64) -> [Action] {
    var actions = runOnIdle(now: now)
    while !isStopped, runnableCount > expectedSlots(now: now), environments.count < limits.maximumEnvironments {
      // After a failure one is tried at a time, and not before the pause is over.
      guard failedStarts == 0 || (startingCount == 0 && now >= nextStart) else {
        if startingCount == 0 { recordWake(nextStart) }
        break
      }
      environmentsMade += 1
      startingCount += 1
      environments[environmentsMade] = .starting(deadline: now + limits.initMilliseconds)
      recordWake(now + limits.initMilliseconds)
      actions.append(.start(environmentsMade))
    }
    return actions
  }

  /// How many of those that wait will get a slot without another start: of environments that start, and of those whose
  /// slots have not all asked yet.
  private mutating func expectedSlots(now: Int64) -> Int {
    var count = startingCount * limits.slots
    guard limits.slots > 1 else { return count }
    for case .serving(let slots) in environments.values {
      let isFilling = now < slots.expectedUntil
      count += max(0, (isFilling ? limits.slots : slots.seen) - slots.occupied - slots.asking)
      if isFilling { recordWake(slots.expectedUntil) }
    }
    return count
  }

  /// One that waits fails with it, and with the second failure in a row all do, since the next try would fail too.
  /// While another environment works, they wait for that one.
  mutating func startFailed(_ failure: Failure, now: Int64) -> [Action] {
    startingCount -= 1
    failedStarts += 1
    nextStart = now + limits.pauseMilliseconds(afterFailures: failedStarts)
    var actions: [Action] = []
    if !hasWorkingEnvironment {
      let isHopeless = failedStarts > 1 && startingCount == 0
      for _ in 0..<(isHopeless ? waitingCount : min(1, waitingCount)) {
        if let id = oldestWaiting() { actions += fail(id: id, failure: failure) }
      }
    }
    return actions + startIfNeeded(now: now)
  }

  private mutating func oldestWaiting() -> InvocationID? {
    while let id = queue.popFirst() ?? backgroundQueue.popFirst() {
      if invocations[id] != nil { return id }
    }
    return nil
  }

  private var hasWorkingEnvironment: Bool {
    environments.values.contains { phase in
      switch phase {
      case .serving: true
      case .starting, .ending: false
      }
    }
  }
}
