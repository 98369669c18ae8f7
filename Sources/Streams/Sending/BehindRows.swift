package import ConnectionStore
package import Messaging
package import Telemetry

/// Which connections lack events that the others have, stream by stream.
///
/// Only the holder of a stream's lease writes them, and whoever holds a place (`Hold`). Each deletes and replaces a row
/// only as it read it; what another wrote since is never raised. So one that lost its lease without knowing does no
/// harm.
package struct BehindRows {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// As long as the events that are missing may stand in the log.
  let keptSeconds: Int64

  package init(
    _ table: any Table, limits: StreamLimits = StreamLimits(), clock: Clock = .system, randomness: Randomness = .system
  ) {
    keptSeconds = limits.logSeconds + 60 * 60
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// The rows of a stream: of this epoch only, since what an earlier log held is gone. Nearly always none.
  package func all(_ stream: String, epoch: String) throws(TableError) -> [Behind] {
    try table.items(of: Query(Keys.behind(stream))).compactMap(Behind.init).filter { $0.isOf(epoch) }
  }

  /// The row of one connection.
  package func row(_ stream: String, _ id: ConnectionID) throws(TableError) -> Behind? {
    try table.get(Keys.behind(stream, id), .strong).flatMap(Behind.init)
  }

  /// Notes for each connection the first event it lacks, in place of what was known of it. Each failure has it wait
  /// longer for its next turn.
  ///
  /// `known`: the rows as they were read. One that was written since, by whoever holds a place, keeps its place and its
  /// turn.
  package func note(
    _ missing: [Missing], _ stream: String, epoch: String, instead known: [Behind] = []
  ) throws(TableError) {
    guard !missing.isEmpty else { return }
    let known = Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    var rest = missing
    if missing.count > Self.notedSingly {
      // So many have an answer each to wait for; few of them, if any, are held.
      let rows = try all(stream, epoch: epoch)
      let writers = Dictionary(rows.map { ($0.id, $0.writer) }, uniquingKeysWith: { $1 })
      let isFree = { (one: Missing) in writers[one.id].map { $0 == known[one.id]?.writer } ?? true }
      try table.writeBatch(missing.filter(isFree).map { .put(row($0, stream, epoch)) })
      rest = missing.filter { !isFree($0) }
    }
    for one in rest { try note(one, stream, epoch, known[one.id]) }
  }

  private static let notedSingly = 8

  private func note(
    _ one: Missing, _ stream: String, _ epoch: String, _ known: Behind?
  ) throws(TableError) {
    var item = row(one, stream, epoch)
    var condition = known.map { Condition.equals("by", .string($0.writer)) } ?? .absent
    for _ in 0..<Self.attempts {
      do {
        return try table.put(item, if: condition)
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      guard let standing = try self.row(stream, one.id) else {
        condition = .absent
        continue
      }
      // A backend that lost the answer and tried again is refused by its own write.
      if .string(standing.writer) == item["by"] { return }
      item = row(one, stream, epoch, besides: standing)
      condition = .equals("by", .string(standing.writer))
    }
    throw TableError(.contention, "put", key: item.key, detail: "\(Self.attempts) attempts")
  }

  private func row(_ one: Missing, _ stream: String, _ epoch: String, besides standing: Behind? = nil) -> Item {
    let standing = standing.flatMap { $0.isOf(epoch) ? $0 : nil }
    let due = clock.milliseconds() + Self.pauseMilliseconds(afterFailures: one.failures)
    return Item(
      Keys.behind(stream, one.id),
      [
        "v": .number(1), "epoch": .string(epoch), "from": .number(min(one.from, standing?.from ?? .max)),
        "tries": .number(one.failures), "due": .number(max(due, standing?.dueAtMilliseconds ?? 0)),
        "by": .string(randomness.hexadecimal()),
      ], expires: clock.seconds + keptSeconds)
  }

  /// The next round tries again; then 200 ms, 400 ms, 800 ms, and a second each pass between two tries.
  static func pauseMilliseconds(afterFailures failures: Int64) -> Int64 {
    failures < 1 ? 0 : min(1_000, 100 << min(failures, 10))
  }

  /// The connection has everything, or is gone: deletes its row, unless it says something else by now, or the lease is
  /// lost. Then another may have passed the connection over with later events, since the row stood.
  package func clear(_ row: Behind, _ lease: Lease) throws(TableError) {
    do {
      try table.transact([
        .check(Keys.mark(lease.stream), .equals("holder", .string(lease.holder))),
        .delete(Keys.behind(lease.stream, row.id), if: .equals("by", .string(row.writer))),
      ])
    } catch {
      guard case .transactionFailed = error.code else { throw error }
    }
  }
}

/// A connection that did not get everything of a round.
package struct Missing: Equatable, Sendable {
  package let id: ConnectionID
  /// The first event it lacks.
  package let from: Int64
  /// How often it was tried in vain since it had everything.
  package let failures: Int64

  package init(_ id: ConnectionID, from: Int64, failures: Int64 = 0) {
    self.id = id
    self.from = from
    self.failures = failures
  }
}

/// A connection that lacks events of a stream.
package struct Behind: Equatable, Sendable {
  package let id: ConnectionID
  let epoch: String
  /// The first event it lacks.
  package let from: Int64
  /// How often it was tried in vain.
  package let failures: Int64
  /// When it is tried again, in milliseconds since the epoch.
  package let dueAtMilliseconds: Int64
  let writer: String

  /// Whether it tells of that log: one that was held before there was any tells of whichever came.
  func isOf(_ epoch: String) -> Bool { self.epoch == epoch || self.epoch.isEmpty }

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let id = ConnectionID(item.key.sort), let epoch = item.string("epoch"), let from = item.number("from"),
      let writer = item.string("by")
    else { return nil }
    self.id = id
    self.epoch = epoch
    self.from = from
    failures = item.number("tries") ?? 0
    dueAtMilliseconds = item.number("due") ?? 0
    self.writer = writer
  }
}
