/// Invocations whose time is over.
extension FunctionPool {
  /// An environment with one slot is killed. One with several goes on, as on Lambda's Managed Instances: the slot is
  /// waited for as long again, since its function is told (410) as soon as it answers; then the environment is killed.
  mutating func tick(environment: EnvironmentID, slots: Slots, now: Int64) -> [Action] {
    let late = slots.running.filter { $0.value <= now }.keys.sorted()
    let isStuck = slots.overdue.values.contains { $0 <= now }
    if limits.slots == 1 {
      guard !late.isEmpty || slots.answered.contains(where: { $0.deadline <= now }) else { return [] }
      return kill(environment: environment) + late.flatMap { fail(id: $0, failure: .timedOut) }
    }
    if isStuck {
      let others = slots.running.keys.sorted()
      return kill(environment: environment)
        + others.flatMap { fail(id: $0, failure: late.contains($0) ? .timedOut : .ended(.killed(signal: 9))) }
    }
    let wasIdle = slots.isIdle
    var slots = slots
    for id in late {
      slots.running[id] = nil
      slots.overdue[id] = now + limits.timeoutMilliseconds
    }
    slots.answered.removeAll { $0.deadline <= now }
    if slots.isIdle, !wasIdle { slots.idleUntil = now + limits.idleMilliseconds }
    environments[environment] = .serving(slots)
    return late.flatMap { fail(id: $0, failure: .timedOut) }
  }

  private mutating func kill(environment: EnvironmentID) -> [Action] {
    forget(free: environment)
    environments[environment] = .ending(killAt: nil, timedOut: true)
    return [.kill(environment)]
  }
}
