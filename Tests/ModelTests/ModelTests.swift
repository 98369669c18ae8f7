import Foundation
import TestSupport
import Testing

/// Schedules of publishers, clients and time, with a failure or anything else at each step of every function.
///
///     MODEL_SEED=30 MODEL_SCHEDULES=1 MODEL_TRACE=1 swift test --filter ModelTests     # what happened in one of them
@Suite("Every schedule")
struct ModelTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let first = environment["MODEL_SEED"].flatMap(UInt64.init) ?? 1
  private static let workers = 2

  private static func faults(_ seed: UInt64, _ hasPlainClients: Bool) throws -> [String] {
    let world = ModelWorld(seed: seed, hasPlainClients: hasPlainClients)
    for _ in 0..<30 { world.happen() }
    world.settle()
    if environment["MODEL_TRACE"] != nil {
      for line in world.trace { print(line) }
      for client in world.clients { print("client \(client.position)", client.records) }
      for client in world.plainClients { for session in client.sessions { print(session) } }
    }
    return try Verdict(world).faults
  }

  /// The first schedule of a worker that shows a fault, if any does.
  private struct Finding: Sendable {
    let seed: UInt64
    let faults: [String]
  }

  /// A thread of its own: the few threads that Swift's tasks share would be held for as long as it takes, and tests that
  /// wait for one of them beside this would run into their time limits.
  private static func finding(_ seeds: [UInt64], _ hasPlainClients: Bool) async throws -> Finding? {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            for seed in seeds {
              let faults = try faults(seed, hasPlainClients)
              if !faults.isEmpty { return Finding(seed: seed, faults: faults) }
            }
            return nil
          })
      }
    }
  }

  private static func run(_ count: Int, worker: Int, offset: UInt64 = 0, hasPlainClients: Bool = false) async throws {
    let seeds = stride(from: worker, to: count, by: workers).map { first + offset + UInt64($0) }
    guard let finding = try await finding(seeds, hasPlainClients) else { return }
    let kind = hasPlainClients ? "with clients that know no hello: " : ""
    Issue.record("MODEL_SEED=\(finding.seed) MODEL_SCHEDULES=1: \(kind)\(finding.faults.prefix(3))")
  }

  @Test(
    "whatever fails at whichever step, each client is shown what it may see, all of it, once, in order, and nothing else",
    arguments: 0..<workers)
  func schedules(worker: Int) async throws {
    try await Self.run(Self.environment["MODEL_SCHEDULES"].flatMap(Int.init) ?? 400, worker: worker)
  }

  @Test(
    "so is each client that knows no hello, from each state on; after a failure some of it perhaps again",
    arguments: 0..<workers)
  func plainSchedules(worker: Int) async throws {
    try await Self.run(
      Self.environment["MODEL_SCHEDULES"].flatMap(Int.init) ?? 400, worker: worker, hasPlainClients: true)
  }

  /// Takes minutes: `make test` sets `SLOW_TESTS`.
  @Test("the same of 10,000 more", .enabled(if: environment["SLOW_TESTS"] != nil), arguments: 0..<workers)
  func manySchedules(worker: Int) async throws {
    try await Self.run(7_000, worker: worker, offset: 1_000_000)
    try await Self.run(3_000, worker: worker, offset: 1_000_000, hasPlainClients: true)
  }
}
