package import ConnectionStore
package import Connections
package import Messaging
package import Telemetry

/// The connections that lag, stream by stream: those that lack events which the others have.
///
/// A *ready* row is served by the next round: the connection was not reached for lack of time, its pause (`DeliveryPause`) is
/// over, or it is prompt again. A *slow* row is one of a connection that refused a frame, did not answer in time, or is
/// gone; no round waits for it, the lag sender serves it by a lease of its own. For example: of events 5 to 7 a
/// connection answered 6 with 429. Its row says `from` 6, slow, due in 200 ms. The lag sender posts 6 and 7, both are
/// taken at once: `from` 8, ready. The next round, of 8 and 9, sends it these and deletes the row.
///
/// Three writers replace rows: the holder of the stream's lease, the handler that pauses delivery, and the lag sender. Each
/// replaces a row only as it read it, and never raises the `from` that another wrote since. Only the holder of the lease
/// deletes the row of a connection that lives: a round that began earlier still leaves that connection out.
/// `Docs/decisions/0008-lagging-clients.md`, `Docs/delivery.md`.
package struct LagRows {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  let keptSeconds: Int64

  package init(
    table: any Table, limits: StreamLimits = StreamLimits(), clock: Clock = .system, randomness: Randomness = .system
  ) {
    keptSeconds = LagRow.keptSeconds(limits)
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// The rows of a stream: of this epoch only, since what an earlier log held is gone. Nearly always none.
  package func all(stream: String, epoch: String) throws(TableError) -> [LaggingConnection] {
    try table.items(of: Query(partition: LagRow.partition(stream: stream))).compactMap(LaggingConnection.init).filter {
      $0.isOf(epoch)
    }
  }

  /// The row of one connection.
  package func row(stream: String, id: ConnectionID) throws(TableError) -> LaggingConnection? {
    try table.get(LagRow.key(stream: stream, id: id), consistency: .strong).flatMap(LaggingConnection.init)
  }

  /// Records for each connection the first event it lacks, in place of its row as it was read.
  ///
  /// `known`: the rows as they were read. A row that was written since, by a delivery pause, keeps its `from` and its due
  /// time.
  package func record(
    _ lags: [Lag], stream: String, epoch: String, replacing known: [LaggingConnection] = []
  ) throws(TableError) {
    guard !lags.isEmpty else { return }
    let known = Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    guard lags.count > Self.recordedTogether else {
      return try recordTogether(lags, stream: stream, epoch: epoch, known: known)
    }
    // So many conditional writes have an answer each to wait for; few of these rows, if any, are paused.
    let rows = try all(stream: stream, epoch: epoch)
    let writers = Dictionary(rows.map { ($0.id, $0.writer) }, uniquingKeysWith: { $1 })
    let isFree = { (one: Lag) in writers[one.id].map { $0 == known[one.id]?.writer } ?? true }
    try table.writeBatch(lags.filter(isFree).map { .put(row($0, stream: stream, epoch: epoch)) })
    for one in lags where !isFree(one) { try record(one, stream: stream, epoch: epoch, known: known[one.id]) }
  }

  private static let recordedTogether = 50

  private func isAsRead(_ known: LaggingConnection?) -> Condition {
    known.map { LagRow.isWritten(by: $0.writer) } ?? .absent
  }

  /// One request for all rows, except those that were written since they were read.
  private func recordTogether(
    _ lags: [Lag], stream: String, epoch: String, known: [ConnectionID: LaggingConnection]
  ) throws(TableError) {
    var rest = lags
    while rest.count > 1 {
      do {
        return try table.transact(
          rest.map { one in
            .put(row(one, stream: stream, epoch: epoch), if: isAsRead(known[one.id]))
          })
      } catch {
        guard case .transactionFailed(let indices) = error.code else { throw error }
        for index in indices { try record(rest[index], stream: stream, epoch: epoch, known: known[rest[index].id]) }
        rest = rest.enumerated().filter { !indices.contains($0.offset) }.map(\.element)
      }
    }
    if let one = rest.first { try record(one, stream: stream, epoch: epoch, known: known[one.id]) }
  }

  private func record(
    _ one: Lag, stream: String, epoch: String, known: LaggingConnection?
  ) throws(TableError) {
    try replace(row(one, stream: stream, epoch: epoch), if: isAsRead(known)) { current, refused in
      current.map { row(one, stream: stream, epoch: epoch, besides: $0) } ?? refused
    }
  }

  /// Puts a row in place of the one that was read, whether a round writes it or a delivery pause.
  ///
  /// `besides`: what is put instead where another row was written meanwhile, or that row was deleted (nil). For example: a
  /// round records from 8, a pause from 7 was written since. The put is refused, the row of the pause is read, and from 7 is
  /// put in its place.
  func replace(
    _ first: Item, if asRead: Condition, besides: (_ current: LaggingConnection?, _ refused: Item) -> Item
  ) throws(TableError) {
    var (item, condition) = (first, asRead)
    for _ in 0..<Self.attempts {
      do {
        return try table.put(item, if: condition)
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      let current = try table.get(item.key, consistency: .strong).flatMap(LaggingConnection.init)
      // A backend that lost the answer and tried again is refused by its own write.
      if let current, LagRow.isWritten(current, by: item.attributes) { return }
      condition = isAsRead(current)
      item = besides(current, item)
    }
    throw TableError(code: .contention, operation: "put", key: first.key, detail: "\(Self.attempts) attempts")
  }

  private static let attempts = 16

  private func row(_ one: Lag, stream: String, epoch: String, besides current: LaggingConnection? = nil) -> Item {
    let current = current.flatMap { $0.isOf(epoch) ? $0 : nil }
    let due = dueAtMilliseconds(of: one)
    // A delivery pause decides: its row stays ready, and due when the pause ends.
    let pace = current?.isSlow ?? true ? one.pace : .ready
    return LagRow.item(
      LagRow.key(stream: stream, id: one.id), epoch: epoch, from: min(one.from, current?.from ?? .max),
      failures: one.failures, dueAtMilliseconds: max(due, current?.dueAtMilliseconds ?? 0), pace: pace,
      withheld: current == nil ? one.withheld : nil, writer: randomness.hexadecimal(),
      expires: clock.seconds + keptSeconds)
  }

  /// A slow connection is tried again after 200 ms, 400 ms, 800 ms and so on up to half a minute, or up to half of that
  /// earlier: many that failed at the same moment do not all come back at the same moment.
  func dueAtMilliseconds(of one: Lag) -> Int64 {
    let now = clock.milliseconds()
    if let dueAt = one.dueAtMilliseconds { return dueAt }
    guard one.pace != .ready, one.failures > 0 else { return now }
    let pause = min(Self.longestPauseMilliseconds, 100 << min(one.failures, 20))
    let due = now + pause - Int64(randomness.integer(in: 0...Int(pause / 2)))
    guard let dueBy = one.dueByMilliseconds, dueBy > now else { return due }
    return min(due, dueBy)
  }

  static let longestPauseMilliseconds: Int64 = 30_000

  /// Deletes the rows of connections that have everything now, except rows that were written since; none of them if the
  /// lease is lost, for the process that has it now may have left these connections out of a later round.
  package func remove(_ rows: [LaggingConnection], lease: Lease) throws(TableError) {
    var rest = rows
    while !rest.isEmpty {
      let some = rest.prefix(Self.removedTogether)
      do {
        try table.transact(
          [.check(CheckpointRow.key(stream: lease.stream), LeaseTerm.hasHolder(lease.holder))]
            + some.map { .delete(LagRow.key(stream: lease.stream, id: $0.id), if: LagRow.isWritten(by: $0.writer)) }
        )
        rest = Array(rest.dropFirst(some.count))
      } catch {
        guard case .transactionFailed(let indices) = error.code else { throw error }
        if indices.contains(0) || indices.isEmpty { return }
        rest = rest.enumerated().filter { !indices.contains($0.offset + 1) }.map(\.element)
      }
    }
  }

  package func remove(_ row: LaggingConnection, lease: Lease) throws(TableError) { try remove([row], lease: lease) }

  private static let removedTogether = 64
}
