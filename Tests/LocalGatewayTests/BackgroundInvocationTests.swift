import TestSupport
import Testing

@testable import LambdaEvents
@testable import LocalGateway

/// Lag senders of many streams, beside publishes.
@Suite("invocations that others go before")
struct BackgroundInvocationTests {
  private static func pool(environments: Int = 10) -> FunctionPool {
    var limits = FunctionPool.Limits()
    limits.maximumEnvironments = environments
    return FunctionPool(limits: limits)
  }

  private func lag(_ ids: ClosedRange<Int>, in pool: inout FunctionPool) -> [FunctionPool.Action] {
    ids.flatMap { pool.invoke(id: $0, bytes: 10, callerDeadline: .max, isInBackground: true, now: 0) }
  }

  @Test("thirty of them run in five of ten environments; a publish that comes then has one started at once, and runs")
  func half() {
    var pool = Self.pool()
    #expect(lag(1...30, in: &pool) == (1...5).map { .start($0) })
    for environment in 1...5 {
      #expect(pool.asksForNext(environment: environment, now: 1) == [.deliver(environment, to: environment)])
    }
    #expect(pool.invoke(id: 100, bytes: 10, callerDeadline: .max, now: 2) == [.start(6)])
    #expect(pool.asksForNext(environment: 6, now: 3) == [.deliver(100, to: 6)])
    // Its environment is free for the next publish, and for no more of them.
    #expect(pool.answers(environment: 6, id: 100) == .accepted(100))
    #expect(pool.asksForNext(environment: 6, now: 4) == [])
    #expect(pool.invoke(id: 101, bytes: 10, callerDeadline: .max, now: 5) == [.deliver(101, to: 6)])
  }

  @Test("one that ends makes room for the next of them, and a publish that waits goes before them")
  func order() {
    var pool = Self.pool(environments: 2)
    #expect(lag(1...3, in: &pool) == [.start(1)])
    #expect(pool.asksForNext(environment: 1, now: 1) == [.deliver(1, to: 1)])
    #expect(pool.invoke(id: 10, bytes: 1, callerDeadline: .max, now: 2) == [.start(2)])
    #expect(pool.asksForNext(environment: 2, now: 3) == [.deliver(10, to: 2)])
    #expect(pool.invoke(id: 11, bytes: 1, callerDeadline: .max, now: 4) == [])
    #expect(pool.answers(environment: 1, id: 1) == .accepted(1))
    #expect(pool.asksForNext(environment: 1, now: 5) == [.deliver(11, to: 1)])
    #expect(pool.answers(environment: 2, id: 10) == .accepted(10))
    #expect(pool.asksForNext(environment: 2, now: 6) == [.deliver(2, to: 2)])
  }

  @Test("one that crashes lets the next run in an environment that is idle; all of them run in the end")
  func crash() {
    var pool = Self.pool(environments: 2)
    _ = lag(1...2, in: &pool)
    _ = pool.asksForNext(environment: 1, now: 1)
    _ = pool.invoke(id: 10, bytes: 1, callerDeadline: .max, now: 2)
    _ = pool.asksForNext(environment: 2, now: 3)
    #expect(pool.answers(environment: 2, id: 10) == .accepted(10))
    #expect(pool.asksForNext(environment: 2, now: 4) == [])
    let crashed = FunctionPool.Failure.ended(.exited(status: 1))
    #expect(pool.ended(environment: 1, failure: crashed, now: 5) == [.fail(1, crashed), .deliver(2, to: 2)])
  }

  @Test("with one environment there is one for them too")
  func one() {
    var pool = Self.pool(environments: 1)
    #expect(lag(1...2, in: &pool) == [.start(1)])
    #expect(pool.asksForNext(environment: 1, now: 1) == [.deliver(1, to: 1)])
  }

  @Test("of what functions ask of each other only the bringing up of lagging connections can wait")
  func kinds() {
    #expect(InternalInvocation.lag(stream: "all/a").isInBackground)
    #expect(!InternalInvocation.sendPending(stream: "all/a").isInBackground && !InternalInvocation.sweep.isInBackground)
    #expect(InternalInvocation(decoding: bytes(#"{"type":"lag","data":1}"#)) == nil)
  }
}
