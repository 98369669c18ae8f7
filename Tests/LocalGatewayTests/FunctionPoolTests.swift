import TestSupport
import Testing

@testable import LocalGateway

/// A pool with its clock: moments are added to, never waited for.
private struct Stage {
  var pool: FunctionPool
  var now: Int64 = 1000
  private var invocations = 0

  init(_ change: (inout FunctionPool.Limits) -> Void = { _ in }) {
    var limits = FunctionPool.Limits()
    change(&limits)
    pool = FunctionPool(limits: limits)
  }

  /// Invocations are numbered from 1.
  mutating func invoke(
    callerMilliseconds: Int64 = 1_000_000, bytes: Int = 10, isInBackground: Bool = false
  ) -> [FunctionPool.Action] {
    invocations += 1
    return pool.invoke(
      id: invocations, bytes: bytes, callerDeadline: now + callerMilliseconds, isInBackground: isInBackground, now: now)
  }

  mutating func asks(_ environment: Int) -> [FunctionPool.Action]? {
    pool.asksForNext(environment: environment, now: now)
  }

  /// The invocation that the environment was given last, or the one that `id` names.
  mutating func answers(_ environment: Int, id: Int? = nil) -> FunctionPool.Verdict {
    guard id == nil, case .serving(let slots) = pool.environments[environment] else {
      return pool.answers(environment: environment, id: id)
    }
    return pool.answers(environment: environment, id: slots.running.keys.first ?? slots.answered.first?.id)
  }

  mutating func exits(_ environment: Int, status: Int32 = 1) -> [FunctionPool.Action] {
    pool.ended(environment: environment, failure: .ended(.exited(status: status)), now: now)
  }

  mutating func pass(_ milliseconds: Int64) -> [FunctionPool.Action] {
    now += milliseconds
    return pool.tick(now: now)
  }

  /// Invokes, starts, answers and asks again: an environment that is idle afterwards.
  mutating func warm(_ environment: Int) {
    _ = invoke()
    _ = asks(environment)
    _ = answers(environment)
    _ = asks(environment)
  }
}

private let crashed = FunctionPool.Failure.ended(.exited(status: 1))

@Suite("The life of environments")
struct FunctionPoolTests {
  @Test("an environment is started for the first invocation and used again for the next")
  func reuse() {
    var stage = Stage()
    #expect(stage.invoke() == [.start(1)])
    #expect(stage.asks(1) == [.deliver(1, to: 1)])
    #expect(stage.answers(1) == .accepted(1))
    #expect(stage.asks(1) == [])
    #expect(stage.invoke() == [.deliver(2, to: 1)])
  }

  @Test("each invocation that must wait has an environment started, up to the cap; the rest waits for those")
  func cap() {
    var stage = Stage { $0.maximumEnvironments = 2 }
    #expect(stage.invoke() == [.start(1)])
    #expect(stage.invoke() == [.start(2)])
    #expect(stage.invoke() == [])
    #expect(stage.asks(2) == [.deliver(1, to: 2)])
    #expect(stage.asks(1) == [.deliver(2, to: 1)])
    #expect(stage.answers(2) == .accepted(1))
    #expect(stage.asks(2) == [.deliver(3, to: 2)])
  }

  @Test("the environment used last is used first, so that the others can go")
  func mostRecentFirst() {
    var stage = Stage()
    for _ in 1...2 { _ = stage.invoke() }
    for environment in 1...2 { _ = stage.asks(environment) }
    for environment in [2, 1] {
      _ = stage.answers(environment)
      _ = stage.asks(environment)
    }
    #expect(stage.invoke() == [.deliver(3, to: 1)])
  }

  @Test("beyond the queue's length and bytes invocations are throttled")
  func throttled() {
    var stage = Stage {
      $0.maximumEnvironments = 1
      $0.queueLength = 2
      $0.queueBytes = 100
    }
    #expect(stage.invoke(bytes: 60) == [.start(1)])
    #expect(stage.invoke(bytes: 60) == [.fail(2, .throttled)])
    #expect(stage.invoke(bytes: 40) == [])
    #expect(stage.invoke(bytes: 0) == [.fail(4, .throttled)])
    #expect(stage.asks(1) == [.deliver(1, to: 1)])
    #expect(stage.invoke(bytes: 60) == [])
  }

  @Test("a crash fails the invocation at hand only, and the next starts a new environment")
  func crash() {
    var stage = Stage { $0.maximumEnvironments = 1 }
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.invoke()
    #expect(stage.exits(1) == [.fail(1, crashed), .start(2)])
    #expect(stage.asks(2) == [.deliver(2, to: 2)])
  }

  @Test("an idle environment that ends is not replaced before it is needed")
  func idleExit() {
    var stage = Stage()
    stage.warm(1)
    #expect(stage.exits(1, status: 0) == [])
    #expect(stage.invoke() == [.start(2)])
  }

  // MARK: Starts that fail

  @Test("the first failed start fails one invocation, and the others wait for one try after a pause")
  func failedStart() {
    var stage = Stage { $0.maximumEnvironments = 1 }
    for _ in 1...3 { _ = stage.invoke() }
    #expect(stage.exits(1) == [.fail(1, crashed)])
    #expect(stage.pass(99) == [])
    #expect(stage.pool.nextWake == stage.now + 1)
    #expect(stage.pass(1) == [.start(2)])
    #expect(stage.exits(2) == [.fail(2, crashed), .fail(3, crashed)])
  }

  @Test("pauses between failed starts double up to the longest, and a start that succeeds ends them")
  func pauses() {
    var stage = Stage()
    #expect(stage.invoke() == [.start(1)])
    _ = stage.exits(1)
    var environment = 1
    for pause: Int64 in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
      #expect(stage.invoke() == [])
      #expect(stage.pass(pause - 1) == [])
      environment += 1
      #expect(stage.pass(1) == [.start(environment)])
      _ = stage.exits(environment)
    }
    _ = stage.invoke()
    _ = stage.pass(5000)
    #expect(stage.asks(environment + 1)?.count == 1)
    #expect(stage.invoke() == [.start(environment + 2)])
  }

  @Test("a failed start while another environment works fails nobody")
  func failedStartBesideWorking() {
    var stage = Stage()
    _ = stage.invoke()
    _ = stage.asks(1)
    #expect(stage.invoke() == [.start(2)])
    #expect(stage.exits(2) == [])
    #expect(stage.answers(1) == .accepted(1))
    #expect(stage.asks(1) == [.deliver(2, to: 1)])
  }

  @Test("many invocations of a function that cannot start make no more starts than the cap, then one a pause")
  func noForkBomb() {
    var stage = Stage { $0.maximumEnvironments = 10 }
    var starts = 0
    for _ in 1...100 { starts += stage.invoke().count }
    #expect(starts == 10)
    for environment in 1...10 { _ = stage.exits(environment) }
    starts = 0
    for _ in 1...100 { starts += stage.invoke().count }
    #expect(starts == 0)
    #expect(stage.pass(5000).count == 1)
  }

  @Test("a reported init error fails the invocation with the function's document, and a lingering process is killed")
  func initError() {
    var stage = Stage()
    _ = stage.invoke()
    let failure = FunctionPool.Failure.initError(document: [0x7B, 0x7D], type: "Runtime.NoTable")
    #expect(stage.pool.reportsInitError(environment: 1, failure: failure, now: stage.now) == [.fail(1, failure)])
    #expect(stage.asks(1) == nil)
    #expect(stage.pass(2000) == [.kill(1)])
    #expect(stage.exits(1) == [])
  }

  @Test("an environment that does not ask within the init time is killed")
  func initTimeout() {
    var stage = Stage()
    _ = stage.invoke()
    #expect(stage.pass(9999) == [])
    #expect(stage.pass(1) == [.kill(1), .fail(1, .initTimedOut)])
    #expect(stage.exits(1) == [])
    #expect(stage.pool.environmentCount == 0)
  }

  // MARK: Time

  @Test("a function out of time is killed, its caller told, and what it says afterwards is too late")
  func functionTimeout() {
    var stage = Stage { $0.timeoutMilliseconds = 3000 }
    _ = stage.invoke()
    _ = stage.asks(1)
    #expect(stage.pass(2999) == [])
    #expect(stage.pass(1) == [.kill(1), .fail(1, .timedOut)])
    #expect(stage.answers(1) == .timedOut)
    #expect(stage.asks(1) == nil)
    #expect(stage.exits(1) == [])
    #expect(stage.invoke() == [.start(2)])
  }

  @Test("a function that answered and does not come back for the next is killed at the end of its time")
  func answeredTimeout() {
    var stage = Stage { $0.timeoutMilliseconds = 3000 }
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.answers(1)
    #expect(stage.pass(3000) == [.kill(1)])
  }

  @Test("a caller that gives up is told, and the function runs on and is used again")
  func callerTimeout() {
    var stage = Stage()
    _ = stage.invoke(callerMilliseconds: 500)
    _ = stage.asks(1)
    #expect(stage.pass(500) == [.fail(1, .callerTimedOut)])
    #expect(stage.answers(1) == .accepted(1))
    #expect(stage.asks(1) == [])
    #expect(stage.invoke() == [.deliver(2, to: 1)])
  }

  @Test("a caller that gives up while it waits is not run any more")
  func callerTimeoutInQueue() {
    var stage = Stage { $0.maximumEnvironments = 1 }
    _ = stage.invoke(callerMilliseconds: 500)
    _ = stage.invoke()
    #expect(stage.pass(500) == [.fail(1, .callerTimedOut)])
    #expect(stage.asks(1) == [.deliver(2, to: 1)])
  }

  @Test("an environment without work is asked to end, and killed when it does not")
  func idle() {
    var stage = Stage { $0.idleMilliseconds = 60_000 }
    stage.warm(1)
    #expect(stage.pass(59_999) == [])
    #expect(stage.pass(1) == [.terminate(1)])
    #expect(stage.asks(1) == nil)
    #expect(stage.pass(2000) == [.kill(1)])
    #expect(stage.exits(1) == [])
    #expect(stage.pool.nextWake == .max)
  }

  // MARK: What the Runtime API allows

  @Test("an answer is taken once, for the invocation at hand, after it was delivered")
  func verdicts() {
    var stage = Stage()
    _ = stage.invoke()
    #expect(stage.answers(1) == .invalidStateTransition)
    _ = stage.asks(1)
    #expect(stage.answers(1, id: 99) == .invalidRequestID)
    #expect(stage.answers(1) == .accepted(1))
    #expect(stage.answers(1) == .invalidStateTransition)
    #expect(stage.answers(1, id: 99) == .invalidRequestID)
    _ = stage.asks(1)
    #expect(stage.answers(1) == .invalidRequestID)
  }

  @Test("an environment that asks again before it answered is given the same")
  func redelivery() {
    var stage = Stage()
    _ = stage.invoke()
    _ = stage.asks(1)
    #expect(stage.asks(1) == [.deliver(1, to: 1)])
    #expect(stage.answers(1) == .accepted(1))
  }

  @Test("an init error after the first call for an invocation is refused")
  func lateInitError() {
    var stage = Stage()
    stage.warm(1)
    #expect(stage.pool.reportsInitError(environment: 1, failure: .initTimedOut, now: stage.now) == nil)
  }

  // MARK: The end

  @Test("stopping fails what waits and runs, ends every process, kills the deaf and starts nothing more")
  func stop() {
    var stage = Stage { $0.maximumEnvironments = 1 }
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.invoke()
    #expect(stage.pool.stop(now: stage.now) == [.fail(1, .stopped), .fail(2, .stopped), .terminate(1)])
    #expect(stage.invoke() == [.fail(3, .stopped)])
    #expect(stage.pass(2000) == [.kill(1)])
    #expect(stage.exits(1) == [])
  }

  @Test(
    "whatever happens, each invocation ends exactly once and the cap holds", arguments: 1...20 as ClosedRange<UInt64>)
  func everyInvocationEndsOnce(seed: UInt64) {
    var run = RandomRun(seed: seed)
    for _ in 1...2000 { run.step() }
    run.finish()
    #expect(run.problems.isEmpty, "seed \(seed)")
  }
}

/// Random inputs, and the books on what came of them.
private struct RandomRun {
  private var generator: SeededGenerator
  private var stage = Stage {
    $0.maximumEnvironments = 3
    $0.queueLength = 8
    $0.timeoutMilliseconds = 400
    $0.initMilliseconds = 300
    $0.idleMilliseconds = 500
  }
  private var living: Set<Int> = []
  private var open: Set<Int> = []
  private var running: [Int: Int] = [:]
  private var background: Set<Int> = []
  private var made = 0
  private(set) var problems: [String] = []

  init(seed: UInt64) { generator = SeededGenerator(seed) }

  mutating func step() {
    let environment = living.sorted().randomElement(using: &generator)
    switch Int.random(in: 0..<10, using: &generator) {
    case 0...3:
      made += 1
      open.insert(made)
      let isInBackground = Bool.random(using: &generator)
      if isInBackground { background.insert(made) }
      consume(
        stage.invoke(callerMilliseconds: .random(in: 50...800, using: &generator), isInBackground: isInBackground))
    case 4...5: if let environment { consume(stage.asks(environment) ?? []) }
    case 6...7:
      if let environment, case .accepted(let id) = stage.answers(environment) {
        open.remove(id)
        running[environment] = nil
      }
    case 8:
      if let environment {
        living.remove(environment)
        running[environment] = nil
        consume(stage.exits(environment))
      }
    default: consume(stage.pass(.random(in: 0...200, using: &generator)))
    }
  }

  mutating func finish() {
    consume(stage.pool.stop(now: stage.now))
    if !open.isEmpty { problems.append("never ended: \(open.sorted())") }
  }

  private mutating func consume(_ actions: [FunctionPool.Action]) {
    for action in actions {
      switch action {
      case .start(let id): living.insert(id)
      // Accepted answers of callers that gave up are not open any more.
      case .fail(let id, _): if open.remove(id) == nil { problems.append("\(id) ended twice") }
      case .deliver(let id, let environment):
        // The one it runs may be delivered again, even when its caller has given up.
        let isExpected = open.contains(id) || running[environment] == id
        if !isExpected || !living.contains(environment) { problems.append("\(id) to \(environment)") }
        running[environment] = id
      case .terminate, .kill: break
      }
    }
    if running.values.count(where: background.contains) > 1 { problems.append("two in the background") }
    if living.count > 3 { problems.append("\(living.count) environments") }
  }
}
