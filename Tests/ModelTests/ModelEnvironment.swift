import ConnectionStore
import Delivery
import FunctionInvocation
import JSON
import LambdaRuntime
import Messaging
import Synchronization
import Telemetry
import TestSupport

@testable import DefaultHandler
@testable import Publisher

/// One run of a function. Once it is dead nothing it does reaches anybody.
final class ModelEnvironment {
  let world: ModelWorld
  private(set) var isDead = false
  private(set) lazy var table = ModelTable(self)

  init(_ world: ModelWorld) { self.world = world }

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
    guard !world.isCalm else { return .done }
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
      throw TableError(.unavailable, call.operation, key: call.key, detail: "answer lost")
    case .failed: throw TableError(.unavailable, call.operation, key: call.key, detail: "not reached")
    }
  }
}

/// Posts of the Publisher: in order for each connection, none after one that failed.
struct ModelSender: FrameSender {
  let environment: ModelEnvironment

  func deliver(
    deadlineMilliseconds: Int64, nextPage: () -> [Listener]?, settled: (Listener, Ending) -> Void
  ) -> Tally {
    var tally = Tally()
    while let page = nextPage() {
      for listener in page {
        if let ending = deliver(listener, &tally) { settled(listener, ending) }
      }
    }
    return tally
  }

  private func deliver(_ listener: Listener, _ tally: inout Tally) -> Ending? {
    for (place, frame) in listener.frames.enumerated() {
      switch post(frame, to: listener.id) {
      case .taken: tally.deliveries += 1
      case .gone:
        tally.gone += 1
        environment.world.wire.close(listener.id)
        return Ending(.gone, firstMissing: place)
      case .refused:
        tally.failed += 1
        return Ending(.refused(status: 429), firstMissing: place)
      case .broken:
        tally.failed += 1
        return Ending(.broken("no answer"), firstMissing: place)
      }
    }
    return nil
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
    case .taken: return .taken
    case .gone: return .gone
    case .refused, .broken: throw Failed()
    }
  }

  func close(_ destination: Destination) { environment.world.wire.close(destination.connectionID) }
}

struct ModelInvocations: AsynchronousInvocation {
  let environment: ModelEnvironment

  init(_ environment: ModelEnvironment) { self.environment = environment }

  func invokeLater(_ function: String, _ payload: [UInt8]) {
    if environment.step() != .failed { environment.world.later(payload) }
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
