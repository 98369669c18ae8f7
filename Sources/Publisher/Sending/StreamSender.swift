import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

/// Sends streams to their listeners, each as the only one that does: round after round while there is something to send.
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
  /// A client gets one frame a window at most of one stream.
  let windowMilliseconds: Int64
  /// How many listeners are read at once.
  var pageSize = 500

  /// Kept free before the deadline: for the calls on their way, the rows of those who lack something, and the hand-over.
  static var reserveMilliseconds: Int64 { 2_000 }
  /// How long a holder with nothing new waits for connections that are behind, before it leaves them to the sweep.
  static var behindPatienceMilliseconds: Int64 { 1_500 }

  init(
    _ table: any Table, sender: Sender, shards: Int = 1, limits: StreamLimits = StreamLimits(), log: Log,
    clock: Clock = .system, randomness: Randomness = .system
  ) {
    windowMilliseconds = 1_000 / limits.framesPerSecond
    connections = Connections(table, shards: shards, clock: clock, randomness: randomness)
    streamLog = StreamLog(table, shards: shards, limits: limits, clock: clock, randomness: randomness)
    marks = Marks(table, clock: clock, randomness: randomness)
    behindRows = BehindRows(table, limits: limits, clock: clock, randomness: randomness)
    latest = LatestRows(table, shards: shards, clock: clock)
    openStreams = OpenStreams(table, shards: shards, limits: limits, clock: clock)
    self.sender = sender
    self.log = log
    self.clock = clock
  }

  /// What came of sending a stream.
  struct Report {
    let stream: String
    var tally = Tally()
    /// How many events others stood for.
    var folded = 0
    /// How many connections were noted as behind.
    var behind = 0
    /// How many connections got everything of a round, and how many events that was, counted for each.
    var connections = 0
    var events = 0
    /// Of each event that was sent, for each connection, how long after it was accepted its round had ended, in milliseconds.
    var latencies = Histogram()
    /// How old the oldest event is that is left, in milliseconds since it was accepted.
    var leftMilliseconds: Int64 = 0
    /// Another holds the lease and sends what is there, or the time was up, or the table failed: the events are in the log
    /// and will be sent.
    var isQueued = false
    /// It is the first: another was at it from the start.
    var isLeaseTaken = false
    /// Something is left and nobody is at it: the function should be invoked again.
    var needsDrain = false
    var failure: TableError?
  }

  /// A stream whose lease is held.
  private struct Holding {
    var lease: Lease
    /// Nothing is to be done before, in milliseconds since the epoch.
    var dueAt: Int64
    /// When those who are behind are left to the sweep.
    var patientUntil: Int64
    /// Once everything up to this event was sent, and this moment has passed, another goes on with what others append.
    let own: Int64
    let handOverAt: Int64
    var report: Report
  }

  /// What one step left to do.
  private enum Step {
    case again(at: Int64)
    case done
  }

  /// Sends what the logs of the streams hold and was not sent. While one waits for its window, others go on.
  /// `deadlineMilliseconds`: since the epoch, the invocation's.
  ///
  /// `through`: the last event of each stream that somebody waits for; once it was sent, the stream is not held for longer than
  /// `holdMilliseconds` in all: a publisher is not kept waiting by what others append.
  func send(
    _ streams: [String], through: [[UInt8]: Int64] = [:], holdMilliseconds: Int64 = .max, deadlineMilliseconds: Int64
  ) -> [Report] {
    let stopAt = deadlineMilliseconds - Self.reserveMilliseconds
    var reports: [Report] = []
    var held: [Holding] = []
    let start = clock.milliseconds()
    let handOverAt = holdMilliseconds == .max ? .max : start + holdMilliseconds
    for stream in streams {
      var report = Report(stream: stream)
      if let lease = take(stream, &report) {
        let now = clock.milliseconds()
        held.append(
          Holding(
            lease: lease, dueAt: now, patientUntil: now + Self.behindPatienceMilliseconds,
            own: through[Array(stream.utf8)] ?? 0,
            handOverAt: handOverAt, report: report))
      } else {
        reports.append(report)
      }
    }
    while let next = held.indices.min(by: { held[$0].dueAt < held[$1].dueAt }) {
      let wait = min(held[next].dueAt, stopAt) - clock.milliseconds()
      if wait > 0 { clock.pause(wait) }
      if case .again(let dueAt) = attempt(&held[next], stopAt) {
        held[next].dueAt = dueAt
      } else {
        reports.append(held.remove(at: next).report)
      }
    }
    return reports
  }

  func send(_ stream: String, deadlineMilliseconds: Int64) -> Report {
    send([stream], deadlineMilliseconds: deadlineMilliseconds)[0]
  }

  /// For whoever was told that something of a stream is left. Another may hold the lease who does not know of it: it may have
  /// looked who is behind before somebody was. So a lease that is taken is waited for, for a little.
  func sendWhatIsLeft(of stream: String, deadlineMilliseconds: Int64) -> Report {
    let until = min(clock.milliseconds() + Self.leasePatienceMilliseconds, deadlineMilliseconds)
    while true {
      let report = send(stream, deadlineMilliseconds: deadlineMilliseconds)
      guard report.isLeaseTaken, clock.milliseconds() < until else { return report }
      clock.pause(windowMilliseconds)
    }
  }

  static var leasePatienceMilliseconds: Int64 { 2_000 }

  /// Whether a stream has something to send and nobody sends it.
  func hasSomethingLeft(_ stream: String) throws(TableError) -> Bool { try openStreams.areLeft([stream]) == [true] }

  private func take(_ stream: String, _ report: inout Report) -> Lease? {
    do throws(TableError) {
      if let lease = try marks.take(stream) { return lease }
      report.isQueued = true
      report.isLeaseTaken = true
    } catch {
      fail(error, &report)
    }
    return nil
  }

  private func attempt(_ holding: inout Holding, _ stopAt: Int64) -> Step {
    do throws(TableError) {
      return try step(&holding, stopAt)
    } catch {
      fail(error, &holding.report)
      return .done
    }
  }

  private func fail(_ error: TableError, _ report: inout Report) {
    log.error("stream not sent", ["stream": .text(report.stream), "reason": .text(error.description)])
    report.isQueued = true
    report.failure = error
  }

  // MARK: While the lease is held

  private func step(_ holding: inout Holding, _ stopAt: Int64) throws(TableError) -> Step {
    guard let head = try streamLog.head(holding.lease.stream) else {
      _ = try marks.write(&holding.lease, releasing: true)
      return .done
    }
    holding.lease.follow(head.epoch)
    let now = clock.milliseconds()
    let behind = try behindRows.all(holding.lease.stream, epoch: head.epoch)
    let due = behind.filter { $0.dueAtMilliseconds <= now }
    let hasNews = holding.lease.sentThrough < head.last
    guard now < stopAt || !hasNews && behind.isEmpty else { return try handOver(&holding) }
    if now >= holding.handOverAt, holding.lease.sentThrough >= holding.own, hasNews || !behind.isEmpty {
      return try handOver(&holding, isOwnSent: true)
    }
    if hasNews {
      let page = try page(holding.lease, head)
      let opens = holding.lease.roundAtMilliseconds + windowMilliseconds
      if opens > now, opens - now <= windowMilliseconds, !page.events.contains(where: { Round.isUrgent($0.event) }) {
        return .again(at: opens)
      }
      holding.patientUntil = now + Self.behindPatienceMilliseconds
      return try round(&holding, head, page, behind, due, stopAt)
    }
    if !due.isEmpty {
      let nothing = LogPage(events: [], through: holding.lease.sentThrough)
      return try round(&holding, head, nothing, behind, due, stopAt)
    }
    if let next = behind.map(\.dueAtMilliseconds).min(), next <= holding.patientUntil { return .again(at: next) }
    return try release(&holding, head, behind)
  }

  /// Gives the lease up. Whoever found it taken had appended before; so a head that has moved since is sent by the lease
  /// taken anew, unless another took it first.
  private func release(
    _ holding: inout Holding, _ head: LogHead, _ behind: [Behind]
  ) throws(TableError) -> Step {
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
    _ holding: inout Holding, _ head: LogHead, _ page: LogPage, _ behind: [Behind], _ due: [Behind], _ stopAt: Int64
  ) throws(TableError) -> Step {
    if !page.events.isEmpty { holding.lease.roundAtMilliseconds = clock.milliseconds() }
    let round = Round(
      stream: holding.lease.stream, epoch: head.epoch, page: page, sentThrough: holding.lease.sentThrough,
      behind: due, isLate: Set(behind.map(\.id)))
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
    if let cut = result.cut { holding.lease.cut = CutRound(end: round.end, position: cut) }
    if result.cut != nil || result.isBrokenOff {
      // With time left, what broke it off would break off another try at once: the sweep makes it.
      return try handOver(&holding, isDrainedSoon: !result.isBrokenOff || clock.milliseconds() >= stopAt)
    }
    holding.lease.advance(through: round.end)
    let isQuiet = result.missing.isEmpty && behind.count == result.served.count
    if isQuiet, let now = try streamLog.head(holding.lease.stream),
      now == LogHead(epoch: head.epoch, next: round.end + 1)
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
    for row in result.served { try behindRows.clear(row, lease) }
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

extension StreamSender.Report {
  fileprivate mutating func add(_ result: Round.Result, _ round: Round, _ clock: Clock) {
    tally.add(result.tally)
    folded += result.folded
    behind += result.missing.count
    connections += result.connections
    events += result.events
    let now = clock.milliseconds()
    guard let oldest = round.events.first.flatMap({ EventTime.milliseconds(ofID: $0.event.id) }) else { return }
    let isLeft = result.isLeaseLost || result.failure != nil || result.cut != nil || !result.missing.isEmpty
    leftMilliseconds = isLeft ? max(leftMilliseconds, now - oldest) : 0
    guard !round.events.isEmpty, result.events > 0 else { return }
    // As many of each as the round had: which of them reached whom is not told.
    let share = max(1, result.events / round.events.count)
    for event in round.events {
      if let accepted = EventTime.milliseconds(ofID: event.event.id) { latencies.record(now - accepted, count: share) }
    }
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
