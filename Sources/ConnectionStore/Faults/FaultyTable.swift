package import Telemetry

/// A table some of whose calls fail, as a DynamoDB table's do under load: refused for their rate, or done and not
/// answered.
///
/// Which ones is a pure function of the seed, of who calls, and of the how-manieth call it is in this process.
package final class FaultyTable: ForwardingTable {
  private static let kind = "table-throttled"

  private let table: any Table
  private let faults: TableFaults
  private let chance: HashedChance
  private let clock: Clock
  private let log: Log
  private let start: Int64
  /// Calls made so far.
  package private(set) var calls = 0
  /// Those of them that failed on purpose.
  package private(set) var failures = 0

  /// Every failure is a line of `log`.
  package init(table: any Table, faults: TableFaults, clock: Clock = .system, log: Log) {
    self.table = table
    self.faults = faults
    self.clock = clock
    self.log = log
    chance = HashedChance(seed: faults.seed)
    start = faults.start ?? clock.milliseconds()
  }

  package func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    calls += 1
    guard isFailing else { return try body(table) }
    failures += 1
    let isDone = self.isDone
    // What the table itself refuses is refused as it would be.
    if isDone { _ = try body(table) }
    log.info(
      "fault injected",
      [
        "kind": .text(Self.kind), "who": .text(faults.who), "n": .number(Int64(calls)),
        "operation": .text(call.operation),
        "done": .flag(isDone),
      ])
    throw TableError(
      code: isDone ? .unavailable : .throttled, operation: call.operation, key: call.key, detail: "fault injected")
  }

  private var isFailing: Bool {
    let elapsed = clock.milliseconds() - start
    return chance.share(Self.kind, who: faults.who, number: calls) < faults.rate && failures < faults.limit
      && elapsed >= faults.from && elapsed < faults.until
  }

  /// Whether the failing call is done before its answer is lost.
  private var isDone: Bool {
    switch faults.outcome {
    case .throttled: false
    case .unknown: true
    case .either: chance.bits(Self.kind + "@", who: faults.who, number: calls) & 1 == 1
    }
  }
}
