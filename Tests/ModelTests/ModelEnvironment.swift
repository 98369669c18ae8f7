import AWS
import ConnectionStore
import JSON
import LambdaRuntime
import ManagementAPI
import Messaging
import Synchronization
import Telemetry
import TestSupport

@testable import DefaultHandler
@testable import Delivery
@testable import Publisher

/// One run of a function. Once it is dead nothing it does reaches anybody.
final class ModelEnvironment {
  let world: ModelWorld
  /// When it began, or went on after a pause of a lag sender, which holds no stream's lease then.
  private let startedAt: LastStart
  private(set) var isDead = false
  private(set) lazy var table = ModelTable(self)
  /// Of two machines the clock of one may be ahead.
  let clock: Clock

  init(_ world: ModelWorld, isLagSender: Bool = false) {
    self.world = world
    let startedAt = LastStart(world.clock.clock.milliseconds())
    self.startedAt = startedAt
    let skew: Int64 = world.isSkewed ? world.dice.pick([0, 0, -900, 900, -4_000, 4_000, 12_000]) : 0
    let time = world.clock.clock
    clock = Clock(
      milliseconds: { time.milliseconds() + skew }, monotonicMilliseconds: { time.milliseconds() },
      pause: {
        time.pause($0)
        if isLagSender { startedAt.set(time.milliseconds()) }
      })
  }

  private final class LastStart: Sendable {
    private let moment: Mutex<Int64>

    init(_ moment: Int64) { self.moment = Mutex(moment) }

    func set(_ now: Int64) { moment.withLock { $0 = now } }

    var value: Int64 { moment.withLock { $0 } }
  }

  enum Fate {
    case done
    /// It is done, and the function does not hear of it.
    case unheard
    case failed
  }

  /// What becomes of the next step.
  func step() -> Fate {
    guard !isDead else { return .failed }
    if world.step() {
      isDead = true
      world.note("dies")
      return world.dice.one(in: 2) ? .unheard : .failed
    }
    if world.clock.clock.milliseconds() - startedAt.value > 8_000 { world.isLeaseOutrun = true }
    guard !world.isCalm, !world.isQuiet else { return .done }
    if world.dice.one(in: 50) {
      world.note("answer lost")
      return .unheard
    }
    guard world.dice.one(in: 50) else { return .done }
    world.note("fails")
    return .failed
  }
}

/// The table as one run of a function sees it.
final class ModelTable: ForwardingTable {
  private unowned let environment: ModelEnvironment

  init(_ environment: ModelEnvironment) { self.environment = environment }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    switch environment.step() {
    case .done: return try body(environment.world.table)
    case .unheard:
      _ = try body(environment.world.table)
      throw TableError(code: .unavailable, operation: call.operation, key: call.key, detail: "answer lost")
    case .failed: throw TableError(code: .unavailable, operation: call.operation, key: call.key, detail: "not reached")
    }
  }
}

/// Posts of the Publisher: decided by `FanoutState`, one after the other, each in its time.
struct ModelSender: FrameSender {
  let environment: ModelEnvironment
  /// One attempt for each connection, waited for as long as there is time.
  var isLagSender = false

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    let clock = environment.clock
    let epoch = clock.milliseconds() - clock.monotonicMilliseconds()
    // As `Fanout` does it.
    let stopAt = deadlineMilliseconds - epoch - 1_000
    var giveUpAt = stopAt + 500
    var options = FanoutState.Options()
    options.backoff.attempts = isLagSender ? 1 : 3
    options.attemptsOfFailure = isLagSender ? 1 : 2
    options.backoff.baseMilliseconds = 50
    options.width = 1
    options.maximumActive = 3
    var state = FanoutState(
      options: options, randomness: environment.world.randomness, stopAtMilliseconds: stopAt, epochMilliseconds: epoch)
    while true {
      let now = clock.monotonicMilliseconds()
      if !keepsOn() {
        state.leavePages()
        state.giveUpRest()
      }
      switch state.next(nowMilliseconds: now, room: 1) {
      case .post(let token, let id, let frame): tell(&state, token, now, post(frame, to: id))
      case .delete(let token, let id): tell(&state, token, now, delete(id))
      case .page:
        if now >= giveUpAt {
          state.leavePages()
        } else if let page = nextPage(state.nextFailures()) {
          state.add(page)
        } else {
          state.endPages()
        }
      case .wait(let moment):
        if state.hasBegunAll, !isLagSender { giveUpAt = min(giveUpAt, now + 300) }
        clock.pause(max(1, min(moment, giveUpAt) - now))
        if clock.monotonicMilliseconds() >= giveUpAt { state.giveUpRest() }
      case .done: return DeliveryResult(counts: state.counts, failures: state.nextFailures())
      }
    }
  }

  private func tell(_ state: inout FanoutState, _ token: Int, _ now: Int64, _ outcome: ModelWire.Outcome) {
    environment.world.passTimeOfPost()
    switch outcome {
    case .accepted: state.answered(token: token, status: 200, nowMilliseconds: now)
    case .gone: state.answered(token: token, status: 410, nowMilliseconds: now)
    case .refused: state.answered(token: token, status: 429, nowMilliseconds: now)
    case .broken where environment.world.isEndpointLost:
      state.cannotCall(token: token, reason: "no route")
      state.leavePages()
    case .hung: state.abandoned(token: token)
    case .broken: state.broke(token: token, reason: "no answer", nowMilliseconds: now)
    }
  }

  private func delete(_ id: ConnectionID) -> ModelWire.Outcome {
    let fate = environment.step()
    if fate != .failed { environment.world.wire.close(id) }
    return fate == .done ? .accepted : .broken
  }

  private func post(_ frame: [UInt8], to id: ConnectionID) -> ModelWire.Outcome {
    switch environment.step() {
    case .done: return environment.world.wire.post(frame, to: id)
    case .unheard:
      _ = environment.world.wire.post(frame, to: id)
      return .broken
    case .failed: return .broken
    }
  }
}

/// Posts of DefaultHandler.
struct ModelOutbox: Outbox {
  let environment: ModelEnvironment

  struct Failed: Error {}

  func post(_ frame: [UInt8], to destination: Destination) throws -> PostOutcome {
    switch environment.step() {
    case .done: break
    case .unheard:
      _ = environment.world.wire.post(frame, to: destination.connectionID)
      throw Failed()
    case .failed: throw Failed()
    }
    switch environment.world.wire.post(frame, to: destination.connectionID) {
    case .accepted: return .accepted
    case .gone: return .gone
    case .refused, .broken, .hung: throw Failed()
    }
  }

  func close(_ destination: Destination) { environment.world.wire.close(destination.connectionID) }
}

struct ModelInvocations: AsynchronousInvocation {
  let environment: ModelEnvironment

  init(_ environment: ModelEnvironment) { self.environment = environment }

  func invokeLater(_ function: String, payload: [UInt8]) {
    guard environment.step() != .failed else { return }
    environment.world.later(payload)
    // Lambda may run it twice.
    if environment.world.dice.one(in: 6) { environment.world.later(payload) }
  }
}

/// The body of a proxy answer.
enum RouteAnswer {
  static func body(_ answer: [UInt8]) -> String? {
    var reader = JSONReader(answer)
    guard (try? reader.beginObject()) != nil else { return nil }
    while let key = try? reader.nextKey() {
      if key == "body" { return try? reader.string() }
      guard (try? reader.skip()) != nil else { return nil }
    }
    return nil
  }
}

/// A generator that many share.
final class SharedGenerator: Sendable {
  private let generator: Mutex<SeededGenerator>

  init(_ seed: UInt64) { generator = Mutex(SeededGenerator(seed)) }

  func next() -> UInt64 { generator.withLock { $0.next() } }
}
