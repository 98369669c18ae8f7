import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry

extension StreamSender {
  /// Posts a round to everybody: to a page of listeners, then to those who lag and are ready, then to the other pages,
  /// each while the one before is on its way.
  func run(_ round: Round, lease: inout Lease, stopAt: Int64) -> Round.Result {
    var posting = RoundDelivery(streamSender: self, round: round, lease: lease, stopAt: stopAt)
    let tally = sender.deliver(
      deadlineMilliseconds: stopAt + Self.fanoutReserveMilliseconds, keepsOn: { posting.keepsOn() },
      nextPage: { posting.nextPage() }, settled: { posting.settle($0, ending: $1) })
    lease = posting.lease
    return posting.end(tally)
  }

  /// `Fanout` starts no call in this last part of its time.
  private static var fanoutReserveMilliseconds: Int64 { 1_000 }

  /// A round while it is posted.
  struct RoundDelivery {
    let streamSender: StreamSender
    let round: Round
    let stopAt: Int64
    /// What is sent of the round's events, and to whom.
    let run: EventRun
    private var frames: FrameCache
    private var listeners: RecipientReader?
    /// Those who lag and have not had their turn.
    private var late: [LaggingConnection]
    private var hasBegunListeners = false
    /// Those who had their turn, until it is settled.
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
    run = EventRun(shaped.events)
    frames = FrameCache(
      events: shaped.events, placements: shaped.placements, cursor: round.cursor(through: round.end).text)
    listeners =
      shaped.events.isEmpty
      ? nil
      : streamSender.connections.listeners(of: run, pageSize: streamSender.pageSize, after: lease.cut?.position)
    late = round.behind
    pages = StreamSender.LogPages(
      streamLog: streamSender.streamLog, stream: round.stream, epoch: round.epoch, end: round.end)
    result.folded = round.events.count - shaped.events.count
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
    if try streamSender.marks.write(&lease) { return true }
    result.isLeaseLost = true
    return false
  }

  /// A page of listeners, or those who lag; nil: there are no more, or they cannot be read now.
  mutating func nextPage() -> [PendingDelivery]? {
    do throws(TableError) {
      guard try keepsLease() else { return nil }
      if streamSender.clock.milliseconds() >= stopAt {
        result.cut = listeners?.position
        return nil
      }
      if hasBegunListeners || listeners == nil, !late.isEmpty {
        defer { late = [] }
        return try begin(late)
      }
      hasBegunListeners = true
      if let page = try listeners?.next(), !page.isEmpty { return try begin(page) }
      // There may be nobody but those who lag.
      guard !late.isEmpty else { return nil }
      defer { late = [] }
      return try begin(late)
    } catch {
      result.failure = error
      return nil
    }
  }

  /// What the connections of a page get, but those who are behind.
  private mutating func begin(_ page: [Recipient]) throws(TableError) -> [PendingDelivery] {
    let now = streamSender.clock.milliseconds()
    let isLate = try whoIsLate(among: page, now: now)
    var begun: [PendingDelivery] = []
    begun.reserveCapacity(page.count)
    for recipient in page where !isLate.contains(recipient.id) {
      if let until = recipient.untilMilliseconds, until <= now {
        begun.append(
          PendingDelivery(
            expired: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, through: round.end))
      } else {
        let packed = frames.frames(recipient.parts, dialect: recipient.dialect, accepts: recipient.accepts)
        let listener = PendingDelivery(recipient: recipient, packed: packed)
        result.begin(listener)
        begun.append(listener)
      }
    }
    return begun
  }

  /// Those of a page who lack something. One that has subscribed since the round began is held where it was shown the
  /// state; its hold stands since before its listener rows, so whoever finds these finds it.
  private func whoIsLate(among page: [Recipient], now: Int64) throws(TableError) -> Set<ConnectionID> {
    guard page.contains(where: { $0.heldUntilMilliseconds ?? 0 > now && !round.isLate.contains($0.id) }) else {
      return round.isLate
    }
    return try round.isLate.union(streamSender.lagRows.all(stream: round.stream, epoch: round.epoch).map(\.id))
  }

  /// What became of the round, after everything was sent and settled that could be.
  mutating func end(_ tally: DeliveryCounts) -> Round.Result {
    for catchUp in catchingUp.values { finish(catchUp) }
    result.tally = tally
    if !tally.isEveryPageRead, !result.isLeaseLost, result.failure == nil, result.cut == nil {
      result.isBrokenOff = true
      result.cut = listeners?.position
    }
    note(tally)
    return result
  }

  /// What of which publish went out when: by the correlation ids of the events, those of the first few.
  private func note(_ tally: DeliveryCounts) {
    log.debug(
      "round sent",
      [
        "stream": .stream(round.stream), "through": .number(round.end), "events": .number(Int64(run.events.count)),
        "behind": .number(Int64(round.behind.count)), "deliveries": .number(Int64(tally.deliveries)),
        "correlationIds": .text(run.events.prefix(10).map { $0.correlationID ?? $0.id }.joined(separator: ",")),
      ])
  }
}
