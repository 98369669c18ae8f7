import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// While the lease is held.
extension StreamSender {
  /// A stream whose lease is held.
  struct LeasedStream {
    var lease: Lease
    /// Nothing is to be done before, in milliseconds since the epoch.
    var dueAt: Int64
    /// When those who lag and whose turn has not come are left to the sweep.
    var patientUntil: Int64
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
  func step(_ holding: inout LeasedStream, stopAt: Int64) throws(TableError) -> Step {
    guard let head = try streamLog.head(stream: holding.lease.stream) else {
      _ = try marks.write(&holding.lease, releasing: true)
      return .done
    }
    holding.lease.follow(head.epoch)
    let now = clock.milliseconds()
    let rows = try lagRows.all(stream: holding.lease.stream, epoch: head.epoch)
    if rows.contains(where: { $0.isSlow && $0.dueAtMilliseconds < now - Self.lagPatienceMilliseconds }) {
      holding.report.isLagDue = true
    }
    let lagging = Lagging(rows: rows, now: now)
    let hasNews = holding.lease.deliveredThrough < head.last
    guard now < stopAt || !hasNews && lagging.waiting.isEmpty else { return try handOver(&holding) }
    if now >= holding.handOverAt, holding.lease.deliveredThrough >= holding.own, hasNews || !lagging.waiting.isEmpty {
      return try handOver(&holding, isOwnSent: true)
    }
    if hasNews {
      let page = try page(holding.lease, head: head)
      let opens = holding.lease.roundAtMilliseconds + windowMilliseconds
      if opens > now, opens - now <= windowMilliseconds, !page.events.contains(where: { Round.isUrgent($0.event) }) {
        return .again(at: opens)
      }
      holding.patientUntil = now + Self.behindPatienceMilliseconds
      return try round(&holding, head: head, page: page, lagging: lagging, stopAt: stopAt)
    }
    if !lagging.due.isEmpty {
      let nothing = LogPage(events: [], through: holding.lease.deliveredThrough)
      return try round(&holding, head: head, page: nothing, lagging: lagging, stopAt: stopAt)
    }
    if let next = lagging.waiting.map(\.dueAtMilliseconds).min(), next <= holding.patientUntil {
      return .again(at: next)
    }
    return try release(&holding, head: head, lagging: lagging)
  }

  /// Who lags in a stream as a round begins.
  struct Lagging {
    /// Those whom rounds serve, at their time; no holder waits for a slow one.
    let waiting: [LaggingConnection]
    /// Those whose time it is, so many that the others do not wait for long.
    let due: [LaggingConnection]
    let ids: Set<ConnectionID>

    /// Whether a lag sender may make somebody ready: it never does one that has left.
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
      let failed = result.missing.count { ids.contains($0.id) }
      return waiting.count == due.count && result.served.count + failed == due.count
    }
  }

  /// A slow connection that is due for so long is served by nobody: its lag sender has died, or was never asked.
  private static var lagPatienceMilliseconds: Int64 { 2_000 }

  /// Gives the lease up. Whoever found it taken had appended before, or had made a slow connection ready; so a head that
  /// has moved since, and who is ready, is served by the lease taken anew, unless another took it first.
  private func release(_ holding: inout LeasedStream, head: LogHead, lagging: Lagging?) throws(TableError) -> Step {
    let stream = holding.lease.stream
    if lagging?.waiting.isEmpty == false { try activeStreams.renew(stream: stream) }
    _ = try marks.write(&holding.lease, releasing: true)
    var isReady = false
    if let lagging, lagging.hasSlow {
      let known = Set(lagging.waiting.map(\.id))
      let rows = try lagRows.all(stream: stream, epoch: head.epoch)
      isReady = rows.contains { !$0.isSlow && !known.contains($0.id) }
    }
    if !isReady, try streamLog.head(stream: stream) == head { return .done }
    guard let again = try marks.acquire(stream: stream) else { return .done }
    holding.lease = again
    return .again(at: clock.milliseconds())
  }

  private func handOver(
    _ holding: inout LeasedStream, isOwnSent: Bool = false, isDrainedSoon: Bool = true
  ) throws(TableError) -> Step {
    _ = try marks.write(&holding.lease, releasing: true)
    if !isOwnSent { holding.report.isQueued = true }
    holding.report.needsDrain = isDrainedSoon
    return .done
  }

  /// One round over the listeners.
  private func round(
    _ holding: inout LeasedStream, head: LogHead, page: LogPage, lagging: Lagging, stopAt: Int64
  ) throws(TableError) -> Step {
    if !page.events.isEmpty { holding.lease.roundAtMilliseconds = clock.milliseconds() }
    let round = Round(
      stream: holding.lease.stream, epoch: head.epoch, page: page, deliveredThrough: holding.lease.deliveredThrough,
      behind: lagging.due, isLate: lagging.ids)
    let result = run(round, lease: &holding.lease, stopAt: stopAt)
    holding.report.add(result, round: round, clock: clock)
    if result.isLeaseLost {
      holding.report.isQueued = true
      return .done
    }
    try settle(round, result: result, lease: holding.lease)
    if let failure = result.failure {
      _ = try marks.write(&holding.lease, releasing: true)
      throw failure
    }
    if result.cut != nil || result.isBrokenOff {
      if let cut = result.cut { holding.lease.cut = InterruptedRound(end: round.end, position: cut) }
      // With time left, what broke it off would break off another try at once: the sweep makes it.
      return try handOver(&holding, isDrainedSoon: !result.isBrokenOff || clock.milliseconds() >= stopAt)
    }
    let isQuiet = result.missing.allSatisfy { $0.pace != .ready } && lagging.haveEnded(result)
    return try goOn(&holding, head: head, through: round.end, quiet: isQuiet ? lagging : nil)
  }

  /// After a round that came to its end. `quiet`: who lagged as it began, if nobody lacks anything now but those who are
  /// slow.
  private func goOn(
    _ holding: inout LeasedStream, head: LogHead, through end: Int64, quiet: Lagging?
  ) throws(TableError) -> Step {
    holding.lease.advance(through: end)
    if let quiet, let now = try streamLog.head(stream: holding.lease.stream),
      now == LogHead(epoch: head.epoch, next: end + 1)
    {
      return try release(&holding, head: now, lagging: quiet.served)
    }
    guard try marks.write(&holding.lease) else {
      holding.report.isQueued = true
      return .done
    }
    return .again(at: clock.milliseconds())
  }

  /// Everything that is to be true before `deliveredThrough` passes these events.
  private func settle(_ round: Round, result: Round.Result, lease: Lease) throws(TableError) {
    try lagRows.note(result.missing, stream: round.stream, epoch: round.epoch, instead: round.behind)
    try lagRows.clear(result.served, lease: lease)
    if !result.missing.isEmpty { try activeStreams.renew(stream: round.stream) }
    try latest.note(round.events, epoch: round.epoch)
  }

  private func page(_ lease: Lease, head: LogHead) throws(TableError) -> LogPage {
    guard let cut = lease.cut else {
      return try streamLog.read(stream: lease.stream, head: head, after: lease.deliveredThrough)
    }
    // A round that was cut short goes on with the very events it had.
    return try streamLog.read(
      stream: lease.stream, head: LogHead(epoch: head.epoch, next: cut.end + 1), after: lease.deliveredThrough,
      limitEvents: .max, limitBytes: .max)
  }
}
