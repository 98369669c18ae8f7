import ConnectionStore
import EventLog
import Messaging
import Telemetry

// What is done under the lease.
extension StreamSender {
  /// A stream whose lease this process has.
  struct LeasedStream {
    var lease: Lease
    /// Nothing is to be done before, in milliseconds since the epoch.
    var dueAt: Int64
    /// When ready connections whose turn has not come are left to the sweep.
    var waitsUntil: Int64
    /// Once everything up to this event was sent, and this moment has passed, another goes on with what others append.
    let own: Int64
    let handOverAt: Int64
    var report: Report
  }

  /// What one step left to do.
  enum Step {
    case again(at: Int64)
    case done
  }

  /// The next thing that is to be done for a stream, if it is its time.
  func step(_ leased: inout LeasedStream, stopAt: Int64) throws(TableError) -> Step {
    guard let head = try streamLog.head(stream: leased.lease.stream) else {
      _ = try checkpoints.write(&leased.lease, releasing: true)
      return .done
    }
    leased.lease.follow(head.epoch)
    let now = clock.milliseconds()
    let rows = try lagRows.all(stream: leased.lease.stream, epoch: head.epoch)
    if rows.contains(where: { $0.isSlow && $0.dueAtMilliseconds < now - Self.lagTimeoutMilliseconds }) {
      leased.report.isLagDue = true
    }
    let lagging = Lagging(rows: rows, now: now)
    let hasNews = leased.lease.deliveredThrough < head.last
    guard now < stopAt || !hasNews && lagging.waiting.isEmpty else { return try handOver(&leased) }
    if now >= leased.handOverAt, leased.lease.deliveredThrough >= leased.own, hasNews || !lagging.waiting.isEmpty {
      return try handOver(&leased, isOwnSent: true)
    }
    if hasNews {
      let page = try page(leased.lease, head: head)
      let opens = leased.lease.roundAtMilliseconds + windowMilliseconds
      if opens > now, opens - now <= windowMilliseconds, !page.events.contains(where: { Round.isUrgent($0.event) }) {
        return .again(at: opens)
      }
      leased.waitsUntil = now + Self.laggingTimeoutMilliseconds
      return try round(&leased, head: head, page: page, lagging: lagging, stopAt: stopAt)
    }
    if !lagging.due.isEmpty {
      let nothing = LogPage(events: [], through: leased.lease.deliveredThrough)
      return try round(&leased, head: head, page: nothing, lagging: lagging, stopAt: stopAt)
    }
    if let next = lagging.waiting.map(\.dueAtMilliseconds).min(), next <= leased.waitsUntil {
      return .again(at: next)
    }
    return try release(&leased, head: head, lagging: lagging)
  }

  /// The connections that lag in a stream as a round begins.
  struct Lagging {
    /// The ready ones, which rounds serve when they are due; the sender does not wait for a slow one.
    let waiting: [LaggingConnection]
    /// The ready ones that are due, so many that the other listeners do not wait for long.
    let due: [LaggingConnection]
    let ids: Set<ConnectionID>

    /// Whether a lag sender may make one of them ready: it never does one that has left.
    let hasSlow: Bool

    /// The same, after all of them had their turn.
    var served: Self { Self(others: ids.subtracting(waiting.map(\.id)), hasSlow: hasSlow) }

    private init(others ids: Set<ConnectionID>, hasSlow: Bool) {
      (waiting, due, self.ids, self.hasSlow) = ([], [], ids, hasSlow)
    }

    init(rows: [LaggingConnection], now: Int64) {
      waiting = rows.filter { !$0.isSlow }
      due = Array(waiting.lazy.filter { $0.dueAtMilliseconds <= now }.prefix(Self.servedTogether))
      ids = Set(rows.map(\.id))
      hasSlow = rows.contains { $0.pace == .slow }
    }

    private static var servedTogether: Int { 64 }

    /// Whether a round had all of them, and each has everything now or is slow.
    func haveEnded(_ result: Round.Result) -> Bool {
      let ids = Set(due.map(\.id))
      let failed = result.lags.count { ids.contains($0.id) }
      return waiting.count == due.count && result.served.count + failed == due.count
    }
  }

  /// A slow connection that is due for so long has no lag sender: it has died, or was never asked.
  private static var lagTimeoutMilliseconds: Int64 { 2_000 }

  /// Releases the lease. A process that found it taken had appended before, or had made a slow connection ready; so if the
  /// head has moved since, or a connection is ready, the lease is acquired anew, unless another process was first.
  private func release(_ leased: inout LeasedStream, head: LogHead, lagging: Lagging?) throws(TableError) -> Step {
    let stream = leased.lease.stream
    if lagging?.waiting.isEmpty == false { try activeStreams.renew(stream: stream) }
    _ = try checkpoints.write(&leased.lease, releasing: true)
    var isReady = false
    if let lagging, lagging.hasSlow {
      let known = Set(lagging.waiting.map(\.id))
      let rows = try lagRows.all(stream: stream, epoch: head.epoch)
      isReady = rows.contains { !$0.isSlow && !known.contains($0.id) }
    }
    if !isReady, try streamLog.head(stream: stream) == head { return .done }
    guard let again = try checkpoints.acquire(stream: stream) else { return .done }
    leased.lease = again
    return .again(at: clock.milliseconds())
  }

  private func handOver(
    _ leased: inout LeasedStream, isOwnSent: Bool = false, isSentSoon: Bool = true
  ) throws(TableError) -> Step {
    _ = try checkpoints.write(&leased.lease, releasing: true)
    if !isOwnSent { leased.report.isQueued = true }
    leased.report.hasPendingEvents = isSentSoon
    return .done
  }

  /// One round over the listeners.
  private func round(
    _ leased: inout LeasedStream, head: LogHead, page: LogPage, lagging: Lagging, stopAt: Int64
  ) throws(TableError) -> Step {
    if !page.events.isEmpty { leased.lease.roundAtMilliseconds = clock.milliseconds() }
    let round = Round(
      stream: leased.lease.stream, epoch: head.epoch, page: page, deliveredThrough: leased.lease.deliveredThrough,
      ready: lagging.due, lagging: lagging.ids)
    let result = run(round, lease: &leased.lease, stopAt: stopAt)
    leased.report.add(result, round: round, clock: clock)
    if result.isLeaseLost {
      leased.report.isQueued = true
      return .done
    }
    try complete(round, result: result, lease: leased.lease)
    if let failure = result.failure {
      _ = try checkpoints.write(&leased.lease, releasing: true)
      throw failure
    }
    if result.stoppedAt != nil || result.wasAborted {
      if let stoppedAt = result.stoppedAt {
        leased.lease.interruptedRound = InterruptedRound(end: round.end, position: stoppedAt)
      }
      // With time left, what aborted the round would abort another one at once: the sweep makes it.
      return try handOver(&leased, isSentSoon: !result.wasAborted || clock.milliseconds() >= stopAt)
    }
    let isQuiet = result.lags.allSatisfy { $0.pace != .ready } && lagging.haveEnded(result)
    return try goOn(&leased, head: head, through: round.end, quiet: isQuiet ? lagging : nil)
  }

  /// After a round that came to its end. `quiet`: the connections that lagged as it began, if only slow ones lag now.
  private func goOn(
    _ leased: inout LeasedStream, head: LogHead, through end: Int64, quiet: Lagging?
  ) throws(TableError) -> Step {
    leased.lease.advance(through: end)
    if let quiet, let now = try streamLog.head(stream: leased.lease.stream),
      now == LogHead(epoch: head.epoch, next: end + 1)
    {
      return try release(&leased, head: now, lagging: quiet.served)
    }
    guard try checkpoints.write(&leased.lease) else {
      leased.report.isQueued = true
      return .done
    }
    return .again(at: clock.milliseconds())
  }

  /// Everything that is to be true before `deliveredThrough` passes these events.
  private func complete(_ round: Round, result: Round.Result, lease: Lease) throws(TableError) {
    try lagRows.record(result.lags, stream: round.stream, epoch: round.epoch, replacing: round.ready)
    try lagRows.remove(result.served, lease: lease)
    if !result.lags.isEmpty { try activeStreams.renew(stream: round.stream) }
    try lastValues.record(round.events, epoch: round.epoch)
  }

  private func page(_ lease: Lease, head: LogHead) throws(TableError) -> LogPage {
    guard let interrupted = lease.interruptedRound else {
      return try streamLog.read(stream: lease.stream, head: head, after: lease.deliveredThrough)
    }
    // A round that was cut short goes on with the very events it had.
    return try streamLog.read(
      stream: lease.stream, head: LogHead(epoch: head.epoch, next: interrupted.end + 1), after: lease.deliveredThrough,
      limitEvents: .max, limitBytes: .max)
  }
}
