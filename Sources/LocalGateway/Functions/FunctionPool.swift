/// The life of one function's environments, as a value: what happened goes in, what is to be done comes out. It knows
/// no process, no socket and no clock; every moment is given to it in milliseconds of a clock that never goes back.
///
/// An invocation goes to the environment used last that has a free slot, else it waits while one is started, up to the
/// cap; beyond the cap it waits in a bounded queue. Starts that fail are repeated only for invocations that wait, one at a time, after
/// pauses that double.
struct FunctionPool {
  typealias InvocationID = Int
  typealias EnvironmentID = Int

  struct Invocation {
    let bytes: Int
    let callerDeadline: Int64
    var isWaiting: Bool
    /// Others go before it: `FunctionPool+Background`.
    var isInBackground = false
  }

  let limits: Limits
  var environments: [EnvironmentID: Phase] = [:]
  /// Those with a slot that asks for an invocation, the most recently used last.
  var free: [EnvironmentID] = []
  var startingCount = 0
  var environmentsMade = 0

  /// Those that nobody has answered or failed yet.
  var invocations: [InvocationID: Invocation] = [:]
  /// In the order they came; one whose caller gave up stays until it is passed.
  var queue = FIFO<InvocationID>()
  /// Those that others go before.
  var backgroundQueue = FIFO<InvocationID>()
  /// How many of those are waiting, and are run.
  var backgroundWaiting = 0
  var backgroundRuns: [EnvironmentID: Set<InvocationID>] = [:]
  var waitingCount = 0
  private var waitingBytes = 0

  var failedStarts = 0
  var nextStart = Int64.min
  var isStopped = false

  /// When `tick` is wanted at the latest; `Int64.max` if nothing is waited for.
  private(set) var nextWake = Int64.max

  init(limits: Limits) { self.limits = limits }

  /// Processes that were started and have not ended.
  var environmentCount: Int { environments.count }

  // MARK: Inputs

  /// An invocation whose caller waits until `callerDeadline`.
  mutating func invoke(
    id: InvocationID, bytes: Int, callerDeadline: Int64, isInBackground: Bool = false, now: Int64
  ) -> [Action] {
    guard !isStopped else { return [.fail(id, .stopped)] }
    guard invocations.count < limits.concurrency else { return [.fail(id, .throttled)] }
    let invocation = Invocation(
      bytes: bytes, callerDeadline: callerDeadline, isWaiting: false, isInBackground: isInBackground)
    recordWake(callerDeadline)
    if !isInBackground || hasRoomInBackground, let environment = free.last {
      invocations[id] = invocation
      return [runOnFree(id: id, environment: environment, now: now)]
    }
    guard waitingCount < limits.queueLength, waitingBytes + bytes <= limits.queueBytes else {
      return [.fail(id, .throttled)]
    }
    enqueue(id: id, invocation: invocation)
    return startIfNeeded(now: now)
  }

  /// A slot of the environment asks for the next invocation; nil if it may not (403).
  mutating func asksForNext(environment: EnvironmentID, now: Int64) -> [Action]? {
    switch environments[environment] {
    case .starting:
      startingCount -= 1
      failedStarts = 0
      return ready(
        environment: environment, slots: Slots(expectedUntil: now + limits.slotMilliseconds), now: now)
    case .serving(var slots):
      // Which of several slots has come back is not known, nor does it matter.
      if !slots.answered.isEmpty {
        slots.answered.removeFirst()
        return ready(environment: environment, slots: slots, now: now)
      }
      if limits.slots == 1 {
        // It lost what it was given, with the connection perhaps: the same again, as AWS's emulator does.
        return slots.running.keys.map { .deliver($0, to: environment) }
      }
      guard slots.occupied + slots.asking < limits.slots else { return nil }
      return ready(environment: environment, slots: slots, now: now)
    case .ending, nil: return nil
    }
  }

  /// A slot that asked, one of several, asks no more: its connection has ended.
  mutating func withdraws(environment: EnvironmentID) {
    guard case .serving(var slots) = environments[environment], slots.asking > 0 else { return }
    slots.asking -= 1
    environments[environment] = .serving(slots)
    if slots.asking == 0 { forget(free: environment) }
  }

  /// What an answer to that invocation would be told, were it whole now.
  func verdict(environment: EnvironmentID, id: InvocationID?) -> Verdict {
    switch environments[environment] {
    case .serving(let slots):
      guard let id else { return .invalidRequestID }
      if slots.running[id] != nil { return .accepted(id) }
      if slots.overdue[id] != nil { return .timedOut }
      return slots.answered.contains { $0.id == id } ? .invalidStateTransition : .invalidRequestID
    case .ending(_, timedOut: true): return .timedOut
    case .starting, .ending, nil: return .invalidStateTransition
    }
  }

  /// The environment answers an invocation; nil: one that it was not given, or not lately.
  mutating func answers(environment: EnvironmentID, id: InvocationID?) -> Verdict {
    let verdict = verdict(environment: environment, id: id)
    guard let id, case .serving(var slots) = environments[environment] else { return verdict }
    guard let deadline = slots.running.removeValue(forKey: id) ?? slots.overdue.removeValue(forKey: id) else {
      return verdict
    }
    slots.answered.append((id, deadline))
    backgroundRuns[environment]?.remove(id)
    environments[environment] = .serving(slots)
    if case .accepted = verdict { invocations[id] = nil }
    return verdict
  }

  /// The environment reports that it cannot start; nil if it has started already (403).
  mutating func reportsInitError(environment: EnvironmentID, failure: Failure, now: Int64) -> [Action]? {
    guard case .starting = environments[environment] else { return nil }
    let killAt = now + limits.stopMilliseconds
    environments[environment] = .ending(killAt: killAt, timedOut: false)
    recordWake(killAt)
    return startFailed(failure, now: now)
  }

  /// The process ended, or could not be started.
  mutating func ended(environment: EnvironmentID, failure: Failure, now: Int64) -> [Action] {
    backgroundRuns[environment] = nil
    var actions: [Action] = []
    switch environments.removeValue(forKey: environment) {
    case .starting: return startFailed(failure, now: now)
    case .serving(let slots):
      forget(free: environment)
      actions = slots.running.keys.sorted().flatMap { fail(id: $0, failure: failure) }
    case .ending, nil: break
    }
    return actions + startIfNeeded(now: now)
  }

  /// What has come due: callers that give up, functions out of time, idle environments, the next try of a start.
  mutating func tick(now: Int64) -> [Action] {
    var actions: [Action] = []
    for (id, invocation) in invocations where invocation.callerDeadline <= now {
      actions += fail(id: id, failure: .callerTimedOut)
    }
    for (environment, phase) in environments { actions += tick(environment: environment, phase: phase, now: now) }
    actions += startIfNeeded(now: now)
    findNextWake(now: now)
    return actions
  }

  /// Nothing is run any more: everything that waits or runs fails, every process is asked to end.
  mutating func stop(now: Int64) -> [Action] {
    isStopped = true
    var actions = invocations.keys.sorted().flatMap { fail(id: $0, failure: .stopped) }
    for environment in environments.keys.sorted() { actions += end(environment: environment, now: now) }
    return actions
  }

  // MARK: Running

  private mutating func ready(environment: EnvironmentID, slots: Slots, now: Int64) -> [Action] {
    if let id = dequeue() { return [run(id: id, on: environment, slots: slots, now: now)] }
    var slots = slots
    slots.asking += 1
    slots.seen = max(slots.seen, slots.occupied + slots.asking)
    slots.idleUntil = now + limits.idleMilliseconds
    recordWake(slots.idleUntil)
    environments[environment] = .serving(slots)
    forget(free: environment)
    free.append(environment)
    return []
  }

  /// Takes a slot of an environment in which one asks.
  mutating func runOnFree(id: InvocationID, environment: EnvironmentID, now: Int64) -> Action {
    guard case .serving(var slots) = environments[environment] else { preconditionFailure("a free one serves") }
    slots.asking -= 1
    if slots.asking == 0 { forget(free: environment) }
    return run(id: id, on: environment, slots: slots, now: now)
  }

  private mutating func run(id: InvocationID, on environment: EnvironmentID, slots: Slots, now: Int64) -> Action {
    var slots = slots
    if invocations[id]?.isInBackground ?? false { backgroundRuns[environment, default: []].insert(id) }
    slots.running[id] = now + limits.timeoutMilliseconds
    slots.seen = max(slots.seen, slots.occupied + slots.asking)
    environments[environment] = .serving(slots)
    recordWake(now + limits.timeoutMilliseconds)
    return .deliver(id, to: environment)
  }

  /// Nothing if it was answered or failed before.
  mutating func fail(id: InvocationID, failure: Failure) -> [Action] {
    guard let invocation = invocations.removeValue(forKey: id) else { return [] }
    if invocation.isWaiting {
      recordWaitingEnd(invocation)
    }
    return [.fail(id, failure)]
  }

  // MARK: Waiting

  private mutating func enqueue(id: InvocationID, invocation: Invocation) {
    invocations[id] = invocation
    invocations[id]?.isWaiting = true
    if invocation.isInBackground {
      backgroundQueue.append(id)
      backgroundWaiting += 1
    } else {
      queue.append(id)
    }
    waitingCount += 1
    waitingBytes += invocation.bytes
  }

  private mutating func recordWaitingEnd(_ invocation: Invocation) {
    waitingCount -= 1
    waitingBytes -= invocation.bytes
    if invocation.isInBackground { backgroundWaiting -= 1 }
  }

  /// The oldest that still waits, which then waits no more.
  mutating func dequeue() -> InvocationID? {
    while let id = queue.popFirst() ?? (hasRoomInBackground ? backgroundQueue.popFirst() : nil) {
      guard let invocation = invocations[id] else { continue }
      invocations[id]?.isWaiting = false
      recordWaitingEnd(invocation)
      return id
    }
    return nil
  }

  // MARK: Ending

  private mutating func tick(environment: EnvironmentID, phase: Phase, now: Int64) -> [Action] {
    switch phase {
    case .starting(let deadline) where deadline <= now:
      environments[environment] = .ending(killAt: nil, timedOut: false)
      return [.kill(environment)] + startFailed(.initTimedOut, now: now)
    case .serving(let slots) where slots.isIdle && slots.idleUntil <= now:
      return end(environment: environment, now: now)
    case .serving(let slots): return tick(environment: environment, slots: slots, now: now)
    case .ending(let killAt?, let timedOut) where killAt <= now:
      environments[environment] = .ending(killAt: nil, timedOut: timedOut)
      return [.kill(environment)]
    default: return []
    }
  }

  private mutating func end(environment: EnvironmentID, now: Int64) -> [Action] {
    switch environments[environment] {
    case .ending, nil: return []
    case .starting: startingCount -= 1
    case .serving: forget(free: environment)
    }
    environments[environment] = .ending(killAt: now + limits.stopMilliseconds, timedOut: false)
    recordWake(now + limits.stopMilliseconds)
    return [.terminate(environment)]
  }

  // MARK: Time

  mutating func forget(free environment: EnvironmentID) { free.removeAll { $0 == environment } }

  mutating func recordWake(_ moment: Int64) { nextWake = min(nextWake, moment) }

  private mutating func findNextWake(now: Int64) {
    nextWake = .max
    for invocation in invocations.values { recordWake(invocation.callerDeadline) }
    for phase in environments.values {
      switch phase {
      case .starting(let moment), .ending(let moment?, _): recordWake(moment)
      case .serving(let slots): for moment in slots.moments { recordWake(moment) }
      case .ending(nil, _): break
      }
    }
    if waitingCount > 0, limits.slots > 1 {
      for case .serving(let slots) in environments.values where slots.expectedUntil > now {
        recordWake(slots.expectedUntil)
      }
    }
    if waitingCount > 0, startingCount == 0, nextStart > now { recordWake(nextStart) }
  }
}
