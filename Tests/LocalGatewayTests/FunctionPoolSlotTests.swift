import TestSupport
import Testing

@testable import LocalGateway

/// A pool whose environments have several slots, with its clock.
private struct Stage {
  var pool: FunctionPool
  var now: Int64 = 1000
  private var invocations = 0

  init(slots: Int, _ change: (inout FunctionPool.Limits) -> Void = { _ in }) {
    var limits = FunctionPool.Limits()
    limits.slots = slots
    change(&limits)
    pool = FunctionPool(limits: limits)
  }

  /// Invocations are numbered from 1.
  mutating func invoke(callerMilliseconds: Int64 = 1_000_000) -> [FunctionPool.Action] {
    invocations += 1
    return pool.invoke(id: invocations, bytes: 10, callerDeadline: now + callerMilliseconds, now: now)
  }

  mutating func asks(_ environment: Int) -> [FunctionPool.Action]? {
    pool.asksForNext(environment: environment, now: now)
  }

  mutating func pass(_ milliseconds: Int64) -> [FunctionPool.Action] {
    now += milliseconds
    return pool.tick(now: now)
  }
}

@Suite("Environments that run several invocations at once")
struct FunctionPoolSlotTests {
  @Test("one environment is started for as many as it has slots, and another for the next")
  func packing() {
    var stage = Stage(slots: 3)
    #expect(stage.invoke() == [.start(1)])
    #expect(stage.invoke() == [] && stage.invoke() == [])
    #expect(stage.invoke() == [.start(2)])
    #expect(stage.asks(1) == [.deliver(1, to: 1)] && stage.asks(1) == [.deliver(2, to: 1)])
    #expect(stage.asks(1) == [.deliver(3, to: 1)])
    #expect(stage.asks(1) == nil, "it has no fourth slot")
    #expect(stage.asks(2) == [.deliver(4, to: 2)])
  }

  @Test("slots that have not asked yet are waited for, for a second; a runtime that has fewer gets company")
  func expectation() {
    var stage = Stage(slots: 3)
    _ = stage.invoke()
    _ = stage.asks(1)
    #expect(stage.invoke() == [], "the second slot will ask")
    #expect(stage.pool.nextWake <= stage.now + 1000)
    #expect(stage.pass(999) == [])
    #expect(stage.pass(1) == [.start(2)], "it did not")
    #expect(stage.asks(2) == [.deliver(2, to: 2)])
  }

  @Test("a slot that was answered is free again, the others run on")
  func reuse() {
    var stage = Stage(slots: 2)
    _ = stage.invoke()
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.asks(1)
    #expect(stage.pool.verdict(environment: 1, id: 1) == .accepted(1))
    #expect(stage.pool.answers(environment: 1, id: 1) == .accepted(1))
    #expect(stage.pool.answers(environment: 1, id: 1) == .invalidStateTransition)
    #expect(stage.pool.answers(environment: 1, id: nil) == .invalidRequestID)
    #expect(stage.asks(1) == [])
    #expect(stage.invoke() == [.deliver(3, to: 1)])
    #expect(stage.pool.answers(environment: 1, id: 2) == .accepted(2))
  }

  @Test("out of time, one invocation fails and its slot is told so; a slot that never comes back ends the process")
  func overdue() {
    var stage = Stage(slots: 2) { $0.timeoutMilliseconds = 100 }
    _ = stage.invoke()
    _ = stage.asks(1)
    stage.now += 50
    _ = stage.invoke()
    _ = stage.asks(1)
    #expect(stage.pass(50) == [.fail(1, .timedOut)])
    #expect(stage.pool.answers(environment: 1, id: 1) == .timedOut)
    #expect(stage.asks(1) == [], "the slot has come back")
    #expect(stage.invoke() == [.deliver(3, to: 1)])
    #expect(stage.pool.answers(environment: 1, id: 3) == .accepted(3))
    _ = stage.asks(1)
    #expect(stage.pass(50) == [.fail(2, .timedOut)])
    _ = stage.invoke()
    #expect(stage.pass(100) == [.kill(1), .fail(4, .timedOut)])
  }

  @Test("a crash fails all that run in the process, and none in another")
  func crash() {
    var stage = Stage(slots: 2)
    for _ in 1...3 { _ = stage.invoke() }
    for environment in [1, 1, 2] { _ = stage.asks(environment) }
    let failure = FunctionPool.Failure.ended(.exited(status: 1))
    #expect(
      stage.pool.ended(environment: 1, failure: failure, now: stage.now) == [.fail(1, failure), .fail(2, failure)])
    #expect(stage.pool.answers(environment: 2, id: 3) == .accepted(3))
  }

  @Test("a call that waits no more is not given an invocation")
  func withdrawal() {
    var stage = Stage(slots: 2)
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.asks(1)
    stage.pool.withdraws(environment: 1)
    #expect(stage.invoke() == [], "the runtime will ask again")
    #expect(stage.asks(1) == [.deliver(2, to: 1)])
  }

  @Test("an environment ends when nothing has run in it for its idle time, and not while one runs")
  func idle() {
    var stage = Stage(slots: 2) {
      $0.idleMilliseconds = 100
      $0.timeoutMilliseconds = 1000
    }
    _ = stage.invoke()
    _ = stage.asks(1)
    _ = stage.asks(1)
    #expect(stage.pass(500) == [])
    #expect(stage.pool.answers(environment: 1, id: 1) == .accepted(1))
    _ = stage.asks(1)
    #expect(stage.pass(99) == [] && stage.pass(1) == [.terminate(1)])
  }

  @Test("beyond the reserved concurrency an invocation is throttled, however many slots are free")
  func reserved() {
    var stage = Stage(slots: 10) { $0.concurrency = 2 }
    #expect(stage.invoke() == [.start(1)] && stage.invoke() == [])
    #expect(stage.invoke() == [.fail(3, .throttled)])
    _ = stage.asks(1)
    #expect(stage.pool.answers(environment: 1, id: 1) == .accepted(1))
    #expect(stage.invoke() == [])
  }

  @Test("whatever happens in whatever order, no slot runs two invocations and none is lost")
  func anyOrder() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = SeededGenerator(seed)
    for _ in 0..<200 { run(&generator, seed: seed) }
  }

  private func run(_ generator: inout SeededGenerator, seed: UInt64) {
    let slots = Int.random(in: 1...4, using: &generator)
    var stage = Stage(slots: slots) {
      $0.maximumEnvironments = 3
      $0.timeoutMilliseconds = 50
      $0.idleMilliseconds = 200
    }
    var running: [Int: Set<Int>] = [:]
    var made = 0
    var ended: Set<Int> = []
    func perform(_ actions: [FunctionPool.Action]) {
      for action in actions {
        switch action {
        case .start(let id): running[id] = []
        case .deliver(let id, let environment):
          #expect(running[environment] != nil && !ended.contains(id), "seed \(seed)")
          running[environment]?.insert(id)
          #expect((running[environment]?.count ?? 0) <= slots, "seed \(seed)")
        case .fail(let id, _): #expect(ended.insert(id).inserted, "seed \(seed)")
        case .terminate(let id), .kill(let id):
          running[id] = nil
          perform(stage.pool.ended(environment: id, failure: .ended(.killed(signal: 9)), now: stage.now))
        }
      }
    }
    for _ in 0..<60 {
      let environment = running.keys.sorted().randomElement(using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0, 1:
        made += 1
        perform(stage.invoke())
      case 2, 3: if let environment { perform(stage.asks(environment) ?? []) }
      case 4:
        guard let environment, let id = running[environment]?.sorted().randomElement(using: &generator) else {
          continue
        }
        if case .accepted = stage.pool.answers(environment: environment, id: id) {
          #expect(ended.insert(id).inserted, "seed \(seed)")
        }
        running[environment]?.remove(id)
      default: perform(stage.pass(Int64.random(in: 0...60, using: &generator)))
      }
    }
    perform(stage.pool.stop(now: stage.now))
    #expect(ended.count == made && stage.pool.invocations.isEmpty, "seed \(seed)")
  }
}
