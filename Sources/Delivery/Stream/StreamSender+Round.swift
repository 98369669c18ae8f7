import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry

extension StreamSender {
  /// Posts a round: to a page of listeners, then to the connections that lag and are ready, then to the other pages, each
  /// while the one before is on its way.
  func run(_ round: Round, lease: inout Lease, stopAt: Int64) -> Round.Result {
    var delivery = RoundDelivery(streamSender: self, round: round, lease: lease, stopAt: stopAt)
    let counts = sender.deliver(
      deadlineMilliseconds: stopAt + Self.fanoutReserveMilliseconds, keepsOn: { delivery.keepsOn() },
      nextPage: { delivery.nextPage() }, failed: { delivery.record($0, failure: $1) })
    lease = delivery.lease
    return delivery.end(counts)
  }

  /// `Fanout` starts no call in this last part of its time.
  private static var fanoutReserveMilliseconds: Int64 { 1_000 }

  /// A round while it is posted.
  struct RoundDelivery {
    let streamSender: StreamSender
    let round: Round
    let stopAt: Int64
    /// What is sent of the round's events, and to whom.
    let batch: EventBatch
    private var frames: FrameCache
    private var listeners: RecipientReader?
    /// The connections that lag and have not had their turn.
    private var ready: [LaggingConnection]
    private var hasBegunListeners = false
    /// The connections that had their turn, until its outcome is known.
    var catchingUp: [ConnectionID: CatchUp] = [:]
    var pages: LogPages
    private(set) var lease: Lease
    var result = Round.Result()
  }
}

extension StreamSender.RoundDelivery {
  init(streamSender: StreamSender, round: Round, lease: Lease, stopAt: Int64) {
    let shaped = Round.shaped(round.events)
    self.streamSender = streamSender
    self.round = round
    self.stopAt = stopAt
    self.lease = lease
    batch = EventBatch(shaped.events)
    frames = FrameCache(
      events: shaped.events, placements: shaped.placements, cursor: round.cursor(through: round.end).text)
    listeners =
      shaped.events.isEmpty
      ? nil
      : streamSender.connections.listeners(
        of: batch, types: streamSender.types, pageSize: streamSender.pageSize, after: lease.interruptedRound?.position)
    ready = round.ready
    pages = StreamSender.LogPages(
      streamLog: streamSender.streamLog, stream: round.stream, epoch: round.epoch, end: round.end)
    result.conflated = round.events.count - shaped.events.count
  }

  var log: Log { streamSender.log }

  /// Whether anything more is to be sent.
  mutating func keepsOn() -> Bool {
    do throws(TableError) {
      return try keepsLease()
    } catch {
      log.warn("lease not prolonged", ["stream": .stream(round.stream), "reason": .text(error.description)])
      return true
    }
  }

  /// Prolongs the lease while a long round goes on. False: another has taken it.
  private mutating func keepsLease() throws(TableError) -> Bool {
    guard lease.endMilliseconds - streamSender.clock.milliseconds() < Checkpoints.leaseMilliseconds / 2 else {
      return true
    }
    if try streamSender.checkpoints.write(&lease) { return true }
    result.isLeaseLost = true
    return false
  }

  /// A page of listeners, or the connections that lag; nil: there are no more, or they cannot be read now.
  mutating func nextPage() -> [PendingDelivery]? {
    do throws(TableError) {
      guard try keepsLease() else { return nil }
      if streamSender.clock.milliseconds() >= stopAt {
        result.stoppedAt = listeners?.position
        return nil
      }
      if hasBegunListeners || listeners == nil, !ready.isEmpty {
        defer { ready = [] }
        return try begin(ready)
      }
      hasBegunListeners = true
      if let page = try listeners?.next(), !page.isEmpty { return try begin(page) }
      // There may be no listeners but those that lag.
      guard !ready.isEmpty else { return nil }
      defer { ready = [] }
      return try begin(ready)
    } catch {
      result.failure = error
      return nil
    }
  }

  /// What the connections of a page get, except those that lag.
  private mutating func begin(_ page: [Recipient]) throws(TableError) -> [PendingDelivery] {
    let now = streamSender.clock.milliseconds()
    let lagging = try laggingConnections(among: page, now: now)
    var begun: [PendingDelivery] = []
    begun.reserveCapacity(page.count)
    for recipient in page where !lagging.contains(recipient.id) {
      if let until = recipient.untilMilliseconds, until <= now {
        begun.append(
          PendingDelivery(
            expired: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, through: round.end))
      } else {
        let packed = frames.frames(recipient.matches, dialect: recipient.dialect, accepts: recipient.accepts)
        let listener = PendingDelivery(recipient: recipient, packed: packed)
        result.begin(listener)
        begun.append(listener)
      }
    }
    return begun
  }

  /// The connections that lag, with those of this page that subscribed since the round began. Their delivery is paused, and
  /// the pause's lag row was written before their listener rows: a round that finds the listener rows finds it.
  private func laggingConnections(among page: [Recipient], now: Int64) throws(TableError) -> Set<ConnectionID> {
    guard page.contains(where: { $0.pausedUntilMilliseconds ?? 0 > now && !round.lagging.contains($0.id) }) else {
      return round.lagging
    }
    return try round.lagging.union(streamSender.lagRows.all(stream: round.stream, epoch: round.epoch).map(\.id))
  }

  /// What became of the round, once every frame was sent, or failed.
  mutating func end(_ counts: DeliveryCounts) -> Round.Result {
    for catchUp in catchingUp.values { finish(catchUp) }
    result.counts = counts
    if !counts.isEveryPageRead, !result.isLeaseLost, result.failure == nil, result.stoppedAt == nil {
      result.wasAborted = true
      result.stoppedAt = listeners?.position
    }
    logRound(counts)
    return result
  }

  /// What of which publish went out when: by the correlation ids of the events, those of the first few.
  private func logRound(_ counts: DeliveryCounts) {
    log.debug(
      "round sent",
      [
        "stream": .stream(round.stream), "through": .number(round.end), "events": .number(Int64(batch.events.count)),
        "lagging": .number(Int64(round.ready.count)), "deliveries": .number(Int64(counts.deliveries)),
        "correlationIds": .text(batch.events.prefix(10).map { $0.correlationID ?? $0.id }.joined(separator: ",")),
      ])
  }
}
