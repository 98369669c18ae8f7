package import ConnectionStore
package import Connections
package import Messaging
package import Telemetry

/// Which connections lack events that the others have, stream by stream: those that lag.
///
/// A *ready* row is served by the next round: the connection was not reached for lack of time, its pause (`DeliveryPause`) is
/// over, or it is prompt again. A *slow* row is one of a connection that refused a frame, did not answer in time, or is
/// gone; no round waits for it, the lag sender serves it by a lease of its own. For example: of events 5 to 7 a
/// connection answered 6 with 429. Its row says `from` 6, slow, due in 200 ms. The lag sender posts 6 and 7, both are
/// taken at once: `from` 8, ready. The next round, of 8 and 9, sends it these and deletes the row.
///
/// The holder of a stream's lease writes rows, whoever holds a place, and the lag sender. Each replaces a row only as it
/// read it; what another wrote since is never raised. Only the holder deletes the row of a connection that lives: a round
/// that began before leaves it out.
package struct LagRows {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// As long as the events that are missing may stand in the log.
  let keptSeconds: Int64

  package init(
    table: any Table, limits: StreamLimits = StreamLimits(), clock: Clock = .system, randomness: Randomness = .system
  ) {
    keptSeconds = limits.logSeconds + 60 * 60
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// The rows of a stream: of this epoch only, since what an earlier log held is gone. Nearly always none.
  package func all(stream: String, epoch: String) throws(TableError) -> [LaggingConnection] {
    try table.items(of: Query(partition: Keys.behind(stream: stream))).compactMap(LaggingConnection.init).filter {
      $0.isOf(epoch)
    }
  }

  /// The row of one connection.
  package func row(stream: String, id: ConnectionID) throws(TableError) -> LaggingConnection? {
    try table.get(Keys.behind(stream: stream, id: id), consistency: .strong).flatMap(LaggingConnection.init)
  }

  /// Notes for each connection the first event it lacks, in place of what was known of it.
  ///
  /// `known`: the rows as they were read. One that was written since, by whoever holds a place, keeps its place and its
  /// turn.
  package func note(
    _ missing: [Missing], stream: String, epoch: String, instead known: [LaggingConnection] = []
  ) throws(TableError) {
    guard !missing.isEmpty else { return }
    let known = Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    guard missing.count > Self.notedTogether else {
      return try noteTogether(missing, stream: stream, epoch: epoch, known: known)
    }
    // So many have an answer each to wait for; few of them, if any, are held.
    let rows = try all(stream: stream, epoch: epoch)
    let writers = Dictionary(rows.map { ($0.id, $0.writer) }, uniquingKeysWith: { $1 })
    let isFree = { (one: Missing) in writers[one.id].map { $0 == known[one.id]?.writer } ?? true }
    try table.writeBatch(missing.filter(isFree).map { .put(row($0, stream: stream, epoch: epoch)) })
    for one in missing where !isFree(one) { try note(one, stream: stream, epoch: epoch, known: known[one.id]) }
  }

  private static let notedTogether = 50

  private func isAsRead(_ known: LaggingConnection?) -> Condition {
    known.map { .equals("by", .string($0.writer)) } ?? .absent
  }

  /// In one request, but for those whose rows were written since.
  private func noteTogether(
    _ missing: [Missing], stream: String, epoch: String, known: [ConnectionID: LaggingConnection]
  ) throws(TableError) {
    var rest = missing
    while rest.count > 1 {
      do {
        return try table.transact(
          rest.map { one in
            .put(row(one, stream: stream, epoch: epoch), if: isAsRead(known[one.id]))
          })
      } catch {
        guard case .transactionFailed(let places) = error.code else { throw error }
        for place in places { try note(rest[place], stream: stream, epoch: epoch, known: known[rest[place].id]) }
        rest = rest.enumerated().filter { !places.contains($0.offset) }.map(\.element)
      }
    }
    if let one = rest.first { try note(one, stream: stream, epoch: epoch, known: known[one.id]) }
  }

  private func note(
    _ one: Missing, stream: String, epoch: String, known: LaggingConnection?
  ) throws(TableError) {
    var item = row(one, stream: stream, epoch: epoch)
    var condition = isAsRead(known)
    for _ in 0..<Self.attempts {
      do {
        return try table.put(item, if: condition)
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      guard let standing = try self.row(stream: stream, id: one.id) else {
        condition = .absent
        continue
      }
      // A backend that lost the answer and tried again is refused by its own write.
      if .string(standing.writer) == item["by"] { return }
      item = row(one, stream: stream, epoch: epoch, besides: standing)
      condition = .equals("by", .string(standing.writer))
    }
    throw TableError(code: .contention, operation: "put", key: item.key, detail: "\(Self.attempts) attempts")
  }

  private func row(_ one: Missing, stream: String, epoch: String, besides standing: LaggingConnection? = nil) -> Item {
    let standing = standing.flatMap { $0.isOf(epoch) ? $0 : nil }
    let due = dueAtMilliseconds(of: one)
    var item = Item(
      key: Keys.behind(stream: stream, id: one.id),
      attributes: [
        "v": .number(1), "epoch": .string(epoch), "from": .number(min(one.from, standing?.from ?? .max)),
        "tries": .number(one.failures), "due": .number(max(due, standing?.dueAtMilliseconds ?? 0)),
        "by": .string(randomness.hexadecimal()),
      ], expires: clock.seconds + keptSeconds)
    // Whoever holds a place has the say: it is ready when its turn has come.
    if standing?.isSlow ?? true { item.set(one.pace) }
    return item
  }

  /// A slow connection is tried again after 200 ms, 400 ms, 800 ms and so on up to half a minute, or up to half of that
  /// earlier: many that failed at the same moment do not all come back at the same moment.
  func dueAtMilliseconds(of one: Missing) -> Int64 {
    let now = clock.milliseconds()
    guard one.pace != .ready, one.failures > 0 else { return now }
    let pause = min(Self.longestPauseMilliseconds, 100 << min(one.failures, 20))
    let due = now + pause - Int64(randomness.integer(in: 0...Int(pause / 2)))
    guard let latest = one.latestMilliseconds, latest > now else { return due }
    return min(due, latest)
  }

  static let longestPauseMilliseconds: Int64 = 30_000

  /// The connections have everything: deletes their rows, but those that say something else by now; none of them if the
  /// lease is lost. Then another may have passed the connections over with later events, since the rows stood.
  package func clear(_ rows: [LaggingConnection], lease: Lease) throws(TableError) {
    var rest = rows
    while !rest.isEmpty {
      let some = rest.prefix(Self.clearedTogether)
      do {
        try table.transact(
          [.check(Keys.mark(stream: lease.stream), .equals("holder", .string(lease.holder)))]
            + some.map { .delete(Keys.behind(stream: lease.stream, id: $0.id), if: .equals("by", .string($0.writer))) })
        rest = Array(rest.dropFirst(some.count))
      } catch {
        guard case .transactionFailed(let places) = error.code else { throw error }
        if places.contains(0) || places.isEmpty { return }
        rest = rest.enumerated().filter { !places.contains($0.offset + 1) }.map(\.element)
      }
    }
  }

  package func clear(_ row: LaggingConnection, lease: Lease) throws(TableError) { try clear([row], lease: lease) }

  private static let clearedTogether = 64
}
