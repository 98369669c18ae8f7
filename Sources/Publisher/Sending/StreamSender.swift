import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

/// Sends a stream to its listeners, as the only one that does: round after round while there is something to send.
///
/// An event counts as sent when each listener has it, is noted as behind, or was removed. Whoever dies in between leaves a
/// lease that ends, and a mark from which the next holder goes on.
struct StreamSender<Sender: FrameSender> {
  let connections: Connections
  let streamLog: StreamLog
  let marks: Marks
  let behindRows: BehindRows
  let latest: LatestRows
  let openStreams: OpenStreams
  let sender: Sender
  let log: Log
  let clock: Clock

  /// A client gets ten frames a second at most of one stream.
  static var windowMilliseconds: Int64 { 100 }
  /// Kept free before the deadline: for the calls on their way, the rows of those who lack something, and the hand-over.
  static var reserveMilliseconds: Int64 { 2_000 }
  /// How long a holder with nothing new waits for connections that are behind, before it leaves them to the sweep.
  static var behindPauses: [Int64] { [200, 400, 800] }

  init(
    _ table: any Table, sender: Sender, shards: Int = 1, log: Log, clock: Clock = .system,
    randomness: Randomness = .system
  ) {
    connections = Connections(table, shards: shards, clock: clock, randomness: randomness)
    streamLog = StreamLog(table, shards: shards, clock: clock, randomness: randomness)
    marks = Marks(table, clock: clock, randomness: randomness)
    behindRows = BehindRows(table, clock: clock, randomness: randomness)
    latest = LatestRows(table, shards: shards, clock: clock)
    openStreams = OpenStreams(table, shards: shards, clock: clock)
    self.sender = sender
    self.log = log
    self.clock = clock
  }

  /// What came of sending a stream.
  struct Report {
    var tally = Tally()
    /// Another holds the lease and sends what is there, or the time was up, or the table failed: the events are in the log
    /// and will be sent.
    var isQueued = false
    /// Something is left and nobody is at it: the function should be invoked again.
    var needsDrain = false
    var failure: TableError?
  }

  /// Sends what the log of a stream holds and was not sent. `deadlineMilliseconds`: since the epoch, the invocation's.
  func send(_ stream: String, deadlineMilliseconds: Int64) -> Report {
    var report = Report()
    do throws(TableError) {
      guard let lease = try marks.take(stream) else {
        report.isQueued = true
        return report
      }
      try hold(lease, deadlineMilliseconds - Self.reserveMilliseconds, &report)
    } catch {
      log.error("stream not sent", ["stream": .text(stream), "reason": .text(error.description)])
      report.isQueued = true
      report.failure = error
    }
    return report
  }

  // MARK: While the lease is held

  private func hold(_ taken: Lease, _ stopAt: Int64, _ report: inout Report) throws(TableError) {
    var lease = taken
    var pauses = Self.behindPauses[...]
    while let head = try streamLog.head(lease.stream) {
      lease.follow(head.epoch)
      let behind = try behindRows.all(lease.stream, epoch: head.epoch)
      let hasNews = lease.sentThrough < head.last
      if !hasNews {
        guard let pause = pauses.popFirst(), !behind.isEmpty, clock.milliseconds() + pause < stopAt else {
          guard let again = try release(lease, head, behind) else { return }
          lease = again
          continue
        }
        clock.pause(pause)
      }
      guard clock.milliseconds() < stopAt else { return try handOver(&lease, &report) }
      guard try round(&lease, head, behind, stopAt, &report) else { return }
    }
    _ = try marks.write(&lease, releasing: true)
  }

  /// Gives the lease up. Whoever found it taken had appended before; so a head that has moved since is sent by the lease that
  /// is returned, unless another took it first.
  private func release(_ lease: Lease, _ head: LogHead, _ behind: [Behind]) throws(TableError) -> Lease? {
    var lease = lease
    if !behind.isEmpty { try openStreams.renew(lease.stream) }
    _ = try marks.write(&lease, releasing: true)
    guard try streamLog.head(lease.stream) != head else { return nil }
    return try marks.take(lease.stream)
  }

  private func handOver(_ lease: inout Lease, _ report: inout Report) throws(TableError) {
    _ = try marks.write(&lease, releasing: true)
    report.isQueued = true
    report.needsDrain = true
  }

  /// One round. False: the lease was given up or lost.
  private func round(
    _ lease: inout Lease, _ seen: LogHead, _ behind: [Behind], _ stopAt: Int64, _ report: inout Report
  ) throws(TableError) -> Bool {
    let round = try nextRound(&lease, seen, behind)
    let result = run(round, &lease, stopAt)
    report.tally.add(result.tally)
    if result.isLeaseLost {
      report.isQueued = true
      return false
    }
    try settle(round, result)
    if let failure = result.failure {
      _ = try marks.write(&lease, releasing: true)
      throw failure
    }
    if let cut = result.cut {
      lease.cut = CutRound(end: round.end, position: cut)
      try handOver(&lease, &report)
      return false
    }
    lease.advance(through: round.end)
    guard try marks.write(&lease) else {
      report.isQueued = true
      return false
    }
    return true
  }

  /// Everything that is to be true before `sentThrough` passes these events.
  private func settle(_ round: Round, _ result: Round.Result) throws(TableError) {
    try behindRows.note(result.missing, round.stream, epoch: round.epoch)
    for row in result.served { try behindRows.clear(row, round.stream) }
    if !result.missing.isEmpty { try openStreams.renew(round.stream) }
    try latest.note(round.events, epoch: round.epoch)
  }

  /// The events of the next round; waits for the window of the one before to end, unless one of them is urgent.
  private func nextRound(_ lease: inout Lease, _ head: LogHead, _ behind: [Behind]) throws(TableError) -> Round {
    var head = head
    var page = try page(lease, head)
    let wait = lease.roundAtMilliseconds + Self.windowMilliseconds - clock.milliseconds()
    if wait > 0, !page.events.contains(where: { Round.isUrgent($0.event) }) {
      clock.pause(min(wait, Self.windowMilliseconds))
      if lease.cut == nil, let moved = try streamLog.head(lease.stream), moved.epoch == head.epoch, moved != head {
        head = moved
        page = try self.page(lease, head)
      }
    }
    lease.roundAtMilliseconds = clock.milliseconds()
    return Round(
      stream: lease.stream, epoch: head.epoch, page: page, sentThrough: lease.sentThrough, behind: behind)
  }

  private func page(_ lease: Lease, _ head: LogHead) throws(TableError) -> LogPage {
    guard let cut = lease.cut else { return try streamLog.read(lease.stream, head: head, after: lease.sentThrough) }
    // A round that was cut short goes on with the very events it had.
    let page = try streamLog.read(
      lease.stream, head: LogHead(epoch: head.epoch, next: cut.end + 1), after: lease.sentThrough,
      limitEvents: .max, limitBytes: .max)
    return page
  }
}

extension Tally {
  mutating func add(_ other: Tally) {
    deliveries += other.deliveries
    gone += other.gone
    retried += other.retried
    failed += other.failed
    unsent += other.unsent
    if !other.isEveryPageRead { isEveryPageRead = false }
  }
}
