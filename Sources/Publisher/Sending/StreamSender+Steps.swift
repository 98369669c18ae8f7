import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// While the lease is held.
extension StreamSender {
  /// A stream whose lease is held.
  struct Holding {
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
  func step(_ holding: inout Holding, _ stopAt: Int64) throws(TableError) -> Step {
    guard let head = try streamLog.head(holding.lease.stream) else {
      _ = try marks.write(&holding.lease, releasing: true)
      return .done
    }
    holding.lease.follow(head.epoch)
    let now = clock.milliseconds()
    let rows = try behindRows.all(holding.lease.stream, epoch: head.epoch)
    if rows.contains(where: { $0.isSlow && $0.dueAtMilliseconds < now - Self.lagPatienceMilliseconds }) {
      holding.report.isLagDue = true
    }
    let lagging = Lagging(rows, now)
    let hasNews = holding.lease.sentThrough < head.last
    guard now < stopAt || !hasNews && lagging.waiting.isEmpty else { return try handOver(&holding) }
    if now >= holding.handOverAt, holding.lease.sentThrough >= holding.own, hasNews || !lagging.waiting.isEmpty {
      return try handOver(&holding, isOwnSent: true)
    }
    if hasNews {
      let page = try page(holding.lease, head)
      let opens = holding.lease.roundAtMilliseconds + windowMilliseconds
      if opens > now, opens - now <= windowMilliseconds, !page.events.contains(where: { Round.isUrgent($0.event) }) {
        return .again(at: opens)
      }
      holding.patientUntil = now + Self.behindPatienceMilliseconds
      return try round(&holding, head, page, lagging, stopAt)
    }
    if !lagging.due.isEmpty {
      let nothing = LogPage(events: [], through: holding.lease.sentThrough)
      return try round(&holding, head, nothing, lagging, stopAt)
    }
    if let next = lagging.waiting.map(\.dueAtMilliseconds).min(), next <= holding.patientUntil {
      return .again(at: next)
    }
    return try release(&holding, head, lagging.waiting)
  }

  /// Who lags in a stream as a round begins.
  struct Lagging {
    /// Those whom rounds serve, at their time; no holder waits for a slow one.
    let waiting: [Behind]
    /// Those whose time it is, so many that the others do not wait for long.
    let due: [Behind]
    let ids: Set<ConnectionID>

    init(_ rows: [Behind], _ now: Int64) {
      waiting = rows.filter { !$0.isSlow }
      due = Array(waiting.lazy.filter { $0.dueAtMilliseconds <= now }.prefix(Self.servedTogether))
      ids = Set(rows.map(\.id))
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

  /// Gives the lease up. Whoever found it taken had appended before; so a head that has moved since is sent by the
  /// lease taken anew, unless another took it first.
  private func release(_ holding: inout Holding, _ head: LogHead, _ behind: [Behind]) throws(TableError) -> Step {
    if !behind.isEmpty { try openStreams.renew(holding.lease.stream) }
    _ = try marks.write(&holding.lease, releasing: true)
    guard try streamLog.head(holding.lease.stream) != head else { return .done }
    guard let again = try marks.take(holding.lease.stream) else { return .done }
    holding.lease = again
    return .again(at: clock.milliseconds())
  }

  private func handOver(
    _ holding: inout Holding, isOwnSent: Bool = false, isDrainedSoon: Bool = true
  ) throws(TableError) -> Step {
    _ = try marks.write(&holding.lease, releasing: true)
    if !isOwnSent { holding.report.isQueued = true }
    holding.report.needsDrain = isDrainedSoon
    return .done
  }

  /// One round over the listeners.
  private func round(
    _ holding: inout Holding, _ head: LogHead, _ page: LogPage, _ lagging: Lagging, _ stopAt: Int64
  ) throws(TableError) -> Step {
    if !page.events.isEmpty { holding.lease.roundAtMilliseconds = clock.milliseconds() }
    let round = Round(
      stream: holding.lease.stream, epoch: head.epoch, page: page, sentThrough: holding.lease.sentThrough,
      behind: lagging.due, isLate: lagging.ids)
    let result = run(round, &holding.lease, stopAt)
    holding.report.add(result, round, clock)
    if result.isLeaseLost {
      holding.report.isQueued = true
      return .done
    }
    try settle(round, result, holding.lease)
    if let failure = result.failure {
      _ = try marks.write(&holding.lease, releasing: true)
      throw failure
    }
    if result.cut != nil || result.isBrokenOff {
      if let cut = result.cut { holding.lease.cut = CutRound(end: round.end, position: cut) }
      // With time left, what broke it off would break off another try at once: the sweep makes it.
      return try handOver(&holding, isDrainedSoon: !result.isBrokenOff || clock.milliseconds() >= stopAt)
    }
    var isQuiet = result.missing.allSatisfy { $0.pace != .ready } && lagging.haveEnded(result)
    if isQuiet { isQuiet = try !hasReady(round, lagging) }
    return try goOn(&holding, head, through: round.end, isQuiet)
  }

  /// Whether somebody who was slow is ready by now. The lag sender found the lease taken and may not wait for it.
  private func hasReady(_ round: Round, _ lagging: Lagging) throws(TableError) -> Bool {
    guard lagging.ids.count > lagging.waiting.count else { return false }
    return try behindRows.all(round.stream, epoch: round.epoch).contains { !$0.isSlow }
  }

  /// After a round that came to its end. `isQuiet`: nobody lacks anything but those who are slow.
  private func goOn(
    _ holding: inout Holding, _ head: LogHead, through end: Int64, _ isQuiet: Bool
  ) throws(TableError) -> Step {
    holding.lease.advance(through: end)
    if isQuiet, let now = try streamLog.head(holding.lease.stream),
      now == LogHead(epoch: head.epoch, next: end + 1)
    {
      return try release(&holding, now, [])
    }
    guard try marks.write(&holding.lease) else {
      holding.report.isQueued = true
      return .done
    }
    return .again(at: clock.milliseconds())
  }

  /// Everything that is to be true before `sentThrough` passes these events.
  private func settle(_ round: Round, _ result: Round.Result, _ lease: Lease) throws(TableError) {
    try behindRows.note(result.missing, round.stream, epoch: round.epoch, instead: round.behind)
    try behindRows.clear(result.served, lease)
    if !result.missing.isEmpty { try openStreams.renew(round.stream) }
    try latest.note(round.events, epoch: round.epoch)
  }

  private func page(_ lease: Lease, _ head: LogHead) throws(TableError) -> LogPage {
    guard let cut = lease.cut else { return try streamLog.read(lease.stream, head: head, after: lease.sentThrough) }
    // A round that was cut short goes on with the very events it had.
    return try streamLog.read(
      lease.stream, head: LogHead(epoch: head.epoch, next: cut.end + 1), after: lease.sentThrough,
      limitEvents: .max, limitBytes: .max)
  }
}
