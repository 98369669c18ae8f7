import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry

extension StreamSender {
  /// Posts a round: to a page of listeners, then to the connections that lag and are ready, then to the other pages, each
  /// while the one before is on its way.
  func deliver(_ plan: RoundPlan, progress: inout StreamProgress) -> RoundResult {
    var round = RoundDelivery(streamSender: self, plan: plan, progress: progress)
    let delivered = sender.deliver(
      deadlineMilliseconds: plan.stopAt + Self.fanoutReserveMilliseconds, keepsOn: { round.keepsOn() },
      nextPage: { failures in
        round.record(failures)
        return round.nextPage()
      })
    round.record(delivered.failures)
    progress = round.progress
    return round.end(delivered.counts)
  }

  /// `Fanout` starts no call in this last part of its time.
  static var fanoutReserveMilliseconds: Int64 { 1_000 }

  /// A round while it is posted. Of the table it reads the listeners, and of those that lag the records and the log; it
  /// writes nothing but the lease: others wait for their frames meanwhile.
  struct RoundDelivery {
    let streamSender: StreamSender
    let plan: RoundPlan
    /// Its events may be sent in one frame with those of another stream.
    private let isJoint: Bool
    private(set) var progress: StreamProgress
    /// What is sent of the round's events, and to whom.
    private let batch: EventBatch
    /// The alerts of level error among the round's events, by their index.
    private let alerts: [Int: Int64]
    let events: [PlacedEvent]
    let hasUrgent: Bool
    private var cache: FrameCache
    private var listeners: RecipientReader?
    /// The connections that lag and have not had their turn.
    private var ready: [LaggingConnection]
    private var hasBegunListeners = false
    /// The connections that had their turn, until its outcome is known.
    var catchingUp: [ConnectionID: CatchUp] = [:]
    /// The connections that are not sent everything now, unless they fail.
    var withheld: [ConnectionID: Lag] = [:]
    /// The connections that were found gone.
    var departed: Set<ConnectionID> = []
    var pages: LogPages
    lazy var conflated = ConflatedEvents(plan.events, placed: events)
    /// Nearly every connection that asked for batches gets what the one before got.
    var lastBatches: (matches: [Recipient.Match], accepts: Accepts, batches: TimedBatches)?
    var result = RoundResult()
  }
}

extension StreamSender.RoundDelivery {
  init(streamSender: StreamSender, plan: RoundPlan, progress: StreamProgress, isJoint: Bool = false) {
    let events = PlacedEvent.conflated(plan.events, types: streamSender.types)
    self.streamSender = streamSender
    self.plan = plan
    self.isJoint = isJoint
    self.progress = progress
    self.events = events
    hasUrgent = events.contains(where: \.event.isUrgent)
    batch = EventBatch(events.map(\.event))
    pages = LogPages(log: streamSender.rows.log, stream: plan.stream, epoch: plan.epoch, end: plan.end)
    cache = FrameCache(events: events, types: streamSender.types, cursor: pages.cursor(through: plan.end).text)
    listeners =
      events.isEmpty
      ? nil
      : streamSender.connections.listeners(
        of: batch, types: streamSender.types, pageSize: streamSender.pageSize, after: progress.resumesAfter)
    ready = plan.servedRows
    result.conflated = plan.events.count - events.count
    alerts = AlertOutcomes.sequences(among: events)
    result.alerts = AlertOutcomes(alerts.values)
  }

  private var log: Log { streamSender.log }

  // MARK: The lease

  /// Whether anything more is to be sent.
  mutating func keepsOn() -> Bool {
    do throws(TableError) {
      return try keepsLease()
    } catch {
      log.warn("lease not prolonged", ["stream": .stream(plan.stream), "reason": .text(error.description)])
      return true
    }
  }

  /// Prolongs the lease while a long round goes on. False: another has taken it.
  private mutating func keepsLease() throws(TableError) -> Bool {
    if try progress.keepLease() { return true }
    result.ending = .leaseLost
    return false
  }

  // MARK: Pages

  /// A page of listeners, or the connections that lag; nil: there are no more, or they cannot be read now.
  mutating func nextPage() -> [PendingDelivery]? {
    do throws(TableError) {
      guard try keepsLease() else { return nil }
      if streamSender.clock.milliseconds() >= plan.stopAt {
        if let position = listeners?.position { result.ending = .outOfTime(position) }
        return nil
      }
      return try readPage()
    } catch {
      result.ending = .failed(error)
      return nil
    }
  }

  /// The first page of listeners, the connections that lag, the other pages. There may be no listeners but those that lag.
  private mutating func readPage() throws(TableError) -> [PendingDelivery]? {
    if ready.isEmpty || !hasBegunListeners {
      hasBegunListeners = true
      if let page = try listeners?.next(), !page.isEmpty { return try begin(page) }
    }
    guard !ready.isEmpty else { return nil }
    defer { ready = [] }
    return try begin(ready)
  }

  /// What the connections of a page get, except those that lag.
  private mutating func begin(_ page: [Recipient]) throws(TableError) -> [PendingDelivery] {
    let now = streamSender.clock.milliseconds()
    let lagging = try laggingConnections(among: page, now: now)
    var begun: [PendingDelivery] = []
    begun.reserveCapacity(page.count)
    leaveOutAlerts(of: page, lagging: lagging)
    for recipient in page where !lagging.contains(recipient.id) {
      if let until = recipient.untilMilliseconds, until <= now {
        begun.append(
          PendingDelivery(
            expired: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, through: plan.end))
      } else {
        let frames = frames(for: recipient)
        guard !frames.isEmpty else { continue }
        var delivery = PendingDelivery(
          recipient: recipient, frames: frames, alerts: recipient.matches.sequences(ofAlerts: alerts))
        // Batches of ten are not put together.
        let isMergeable = isJoint && !recipient.accepts.asksForBatches(recipient.dialect)
        if isMergeable, recipient.accepts.takesBatches(recipient.dialect) {
          (delivery.events, delivery.accepts) = (cache.lastEvents, recipient.accepts)
        }
        result.begin(delivery)
        begun.append(delivery)
      }
    }
    return begun
  }

  /// What it is sent now.
  private mutating func frames(for recipient: Recipient) -> [OutgoingFrame] {
    if recipient.accepts.asksForBatches(recipient.dialect) { return batched(to: recipient) }
    return limited(
      cache.frames(recipient.matches, dialect: recipient.dialect, accepts: recipient.accepts), to: recipient)
  }

  /// What the connections of a page lack that have no turn in this round.
  private mutating func leaveOutAlerts(of page: [Recipient], lagging: Set<ConnectionID>) {
    guard !alerts.isEmpty, !lagging.isEmpty else { return }
    let others = plan.lagging.departed.union(plan.lagging.due.map(\.id))
    for recipient in page where lagging.contains(recipient.id) && !others.contains(recipient.id) {
      result.alerts.leaveOut(recipient.matches.sequences(ofAlerts: alerts))
    }
  }

  /// The connections that lag, with those of this page that subscribed since the round began. Their delivery is paused, and
  /// the pause's lag row was written before their listener rows: a round that finds the listener rows finds it.
  private func laggingConnections(among page: [Recipient], now: Int64) throws(TableError) -> Set<ConnectionID> {
    let known = plan.lagging.ids
    guard page.contains(where: { $0.pausedUntilMilliseconds ?? 0 > now && !known.contains($0.id) }) else {
      return known
    }
    return try known.union(streamSender.rows.lagging.all(stream: plan.stream, epoch: plan.epoch).map(\.id))
  }

  /// What the connections of some lag rows get; those that have left, or that none of the events is for, are done.
  private mutating func begin(_ rows: [LaggingConnection]) throws(TableError) -> [PendingDelivery] {
    let records = try streamSender.connections.connections(rows.map(\.id))
    // If the table fails at one of them, none is begun: a connection that is not posted to keeps its row.
    var catchUps: [CatchUp] = []
    for (row, record) in zip(rows, records) {
      catchUps.append(try streamSender.catchUp(row, record: record, pages: &pages))
    }
    var begun: [PendingDelivery] = []
    for catchUp in catchUps {
      guard isDue(catchUp) else { continue }
      guard let delivery = catchUp.delivery else {
        finish(catchUp)
        continue
      }
      catchingUp[catchUp.row.id] = catchUp
      result.begin(delivery)
      begun.append(delivery)
    }
    return begun
  }

  // MARK: The end

  /// What became of the round, once every frame was sent, or failed.
  mutating func end(_ counts: DeliveryCounts) -> RoundResult {
    for catchUp in catchingUp.values { finish(catchUp) }
    result.lags += withheld.values
    result.counts = counts
    if !counts.isEveryPageRead, result.isComplete { result.ending = .aborted(listeners?.position) }
    logRound(counts)
    streamSender.log(result.alerts, stream: plan.stream) { plan.event($0) ?? pages.event($0) }
    return result
  }

  /// Records whether the connection has everything now.
  mutating func finish(_ catchUp: CatchUp) {
    if let rest = catchUp.rest {
      return result.lags.append(Lag(id: catchUp.row.id, from: catchUp.row.from, rest: rest))
    }
    guard let through = catchUp.through, through < plan.end else {
      result.served.append(catchUp.row)
      return
    }
    result.lags.append(Lag(id: catchUp.row.id, from: through + 1))
  }

  /// What of which publish went out when: by the correlation ids of the events, those of the first few.
  private func logRound(_ counts: DeliveryCounts) {
    log.debug(
      "round sent",
      [
        "stream": .stream(plan.stream), "through": .number(plan.end), "events": .number(Int64(batch.events.count)),
        "lagging": .number(Int64(plan.lagging.due.count)), "deliveries": .number(Int64(counts.deliveries)),
        "correlationIds": .text(batch.events.prefix(10).map { $0.correlationID ?? $0.id }.joined(separator: ",")),
      ])
  }
}
