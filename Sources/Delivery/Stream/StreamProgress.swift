import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

/// The rows of streams, as their sender reads and writes them.
struct StreamRows {
  let log: StreamLog
  let checkpoints: Checkpoints
  let lagging: LagRows
  let lastValues: LastValues
  let active: ActiveStreams

  init(table: any Table, shards: Int, limits: StreamLimits, clock: Clock, randomness: Randomness) {
    log = StreamLog(table: table, shards: shards, limits: limits, clock: clock, randomness: randomness)
    checkpoints = Checkpoints(table: table, clock: clock, randomness: randomness)
    lagging = LagRows(table: table, limits: limits, clock: clock, randomness: randomness)
    lastValues = LastValues(table: table, shards: shards, clock: clock)
    active = ActiveStreams(table: table, shards: shards, limits: limits, clock: clock)
  }
}

/// How far a stream was sent by the process that has its lease; nothing else moves its checkpoint.
///
/// Everything that is to be true before the checkpoint passes an event is written before it, in this order:
///
///  1. the lag rows of those that did not get everything,
///  2. the removal of the lag rows of those that have everything now,
///  3. the stream's active row, if a connection lags: else no sweep would look for it,
///  4. the last values, from which a state as of the checkpoint is read,
///  5. the checkpoint, with the lease released in the same write or kept,
///  6. after a release, a last look at the head and the lag rows: a process that found the lease taken wrote before that.
///
/// For example: a round of 7 to 9 was not taken by `b`. The process dies after 1: `b` lags from 7, the checkpoint is at 6;
/// the next holder leaves `b` out and sends 7 to 9 to the others once more. Had it written 5 before 1 and died in between,
/// nothing would say that `b` lacks them. `Docs/delivery.md`.
struct StreamProgress {
  private let rows: StreamRows
  private let clock: Clock
  private var lease: Lease

  var stream: String { lease.stream }
  var deliveredThrough: Int64 { lease.deliveredThrough }
  /// The slot of the last round with events, in milliseconds since the epoch (`RoundWindow`); 0: there was none.
  var roundAtMilliseconds: Int64 { lease.roundAtMilliseconds }
  /// Where the round before stopped, if it had no time for all listeners.
  var resumesAfter: ListenerPosition? { lease.interruptedRound?.position }
}

// MARK: 1. Acquire, and read

extension StreamProgress {
  /// Nil: another process has the lease.
  init?(acquiring stream: String, rows: StreamRows, clock: Clock) throws(TableError) {
    guard let lease = try rows.checkpoints.acquire(stream: stream) else { return nil }
    (self.rows, self.clock, self.lease) = (rows, clock, lease)
  }

  /// Nil: the stream has no log any more.
  mutating func read() throws(TableError) -> StreamReading? {
    guard let head = try rows.log.head(stream: stream) else { return nil }
    lease.follow(head.epoch)
    let now = clock.milliseconds()
    let lagging = try rows.lagging.all(stream: stream, epoch: head.epoch)
    return StreamReading(head: head, lagging: LaggingConnections(rows: lagging, now: now), milliseconds: now)
  }

  /// What is to be sent next.
  func page(upTo head: LogHead) throws(TableError) -> LogPage {
    guard let interrupted = lease.interruptedRound else {
      return try rows.log.read(stream: stream, head: head, after: deliveredThrough)
    }
    // A round that was cut short goes on with the very events it had.
    return try rows.log.read(
      stream: stream, head: LogHead(epoch: head.epoch, next: interrupted.end + 1), after: deliveredThrough,
      limitEvents: .max, limitBytes: .max)
  }
}

// MARK: 2. While a round goes on

extension StreamProgress {
  /// The next round with events opens a window after this one's slot.
  mutating func beginRound(in window: RoundWindow) {
    lease.roundAtMilliseconds = window.slot(nowMilliseconds: clock.milliseconds(), after: lease.roundAtMilliseconds)
  }

  /// Prolongs the lease when half of it is over. False: another process has taken it.
  mutating func keepLease() throws(TableError) -> Bool {
    guard lease.endMilliseconds - clock.milliseconds() < Checkpoints.leaseMilliseconds / 2 else { return true }
    return try rows.checkpoints.write(&lease)
  }
}

// MARK: 3. Record, checkpoint, release

extension StreamProgress {
  /// Writes what came of a round, and only then takes its events for delivered. The checkpoint's row says so with the next
  /// write. Of a round whose lease was lost nothing is written: the lease's new holder sends the same events.
  mutating func record(_ result: RoundResult, of plan: RoundPlan) throws(TableError) {
    if case .leaseLost = result.ending { return }
    try rows.lagging.record(result.lags, stream: stream, epoch: plan.epoch, replacing: plan.servedRows)
    try rows.lagging.remove(result.served, lease: lease)
    if !result.lags.isEmpty { try rows.active.renew(stream: stream) }
    try rows.lastValues.record(plan.events, epoch: plan.epoch)
    switch result.ending {
    case .complete: lease.advance(through: plan.end)
    case .outOfTime(let position), .aborted(let position?):
      lease.interruptedRound = InterruptedRound(end: plan.end, position: position)
    case .aborted(nil), .failed, .leaseLost: break
    }
  }

  /// Counts what waits for a user of whom nobody is there. True: the oldest of it had to be evicted, the first time since
  /// somebody was. The checkpoint's row says so with the next write.
  mutating func countWaiting(_ plan: RoundPlan, isAway: Bool, types: EventTypeTable, limit: Int64) -> Bool {
    guard isAway else {
      lease.waiting = WaitingCount()
      return false
    }
    return lease.waiting.add(plan.events.lazy.map(\.event), types: types, limit: limit)
  }

  /// Writes the checkpoint and keeps the lease. False: another process has taken it, and nothing was written.
  mutating func save() throws(TableError) -> Bool { try rows.checkpoints.write(&lease) }

  /// Writes the checkpoint and releases the lease; what is left is another's.
  mutating func leave() throws(TableError) { _ = try rows.checkpoints.write(&lease, releasing: true) }

  /// Releases the lease of a stream in which nothing is left to be done, as it was read. A process that found it taken had
  /// appended before, or had made a slow connection ready; so if the head has moved since, or a connection is ready, the
  /// lease is acquired anew, unless another process was first. True: this process has it again.
  mutating func release(_ reading: StreamReading) throws(TableError) -> Bool {
    if !reading.lagging.waiting.isEmpty { try rows.active.renew(stream: stream) }
    try leave()
    if try !isOneReady(since: reading), try isHead(of: reading) { return false }
    guard let lease = try rows.checkpoints.acquire(stream: stream) else { return false }
    self.lease = lease
    return true
  }

  /// Whether a connection is ready that was slow when the stream was read.
  private func isOneReady(since reading: StreamReading) throws(TableError) -> Bool {
    guard reading.lagging.hasSlow else { return false }
    let known = Set(reading.lagging.waiting.map(\.id))
    return try rows.lagging.all(stream: stream, epoch: reading.head.epoch).contains {
      !$0.isSlow && !known.contains($0.id)
    }
  }

  /// Whether the head is where it was when the stream was read so.
  func isHead(of reading: StreamReading) throws(TableError) -> Bool {
    try rows.log.head(stream: stream) == reading.head
  }
}
