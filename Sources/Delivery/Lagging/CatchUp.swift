import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry

/// What a connection that lags gets: everything from its `from` on that is for it, as far as one reading of the log goes.
///
/// For example: a row from 6 in a stream that was delivered through 9. Of 6 to 9 the connection may see 7 and 9: it gets
/// these two, and has everything through 9 then.
struct CatchUp {
  let row: LaggingConnection
  /// Nil: it has left, or none of these events is for it, or it may be sent none now.
  var delivery: PendingDelivery?
  /// It has everything up to here once it has its frames, but for the rest; nil: it has left.
  let through: Int64?
  /// What it may not be sent now; nil: it gets everything up to `through`.
  var rest: LimitedFrames.Rest?
}

/// The pages of a stream's log from some sequences on, up to an end: many connections lag from the same one.
struct LogPages {
  private let log: StreamLog
  private let stream: String
  let epoch: String
  let end: Int64
  private var read: [Int64: LogPage] = [:]

  init(log: StreamLog, stream: String, epoch: String, end: Int64) {
    self.log = log
    self.stream = stream
    self.epoch = epoch
    self.end = end
  }

  mutating func page(from: Int64) throws(TableError) -> LogPage {
    if let page = read[from] { return page }
    // Many connections lag from a sequence each: what was read from an earlier one to the end has this one too.
    if from <= end, let page = read.first(where: { $0.key < from && $0.value.through == end })?.value {
      return LogPage(events: Array(page.events.drop { $0.sequence < from }), through: end)
    }
    let page = try log.read(stream: stream, head: LogHead(epoch: epoch, next: end + 1), after: from - 1)
    if read.count >= 4 { read.removeAll() }
    read[from] = page
    return page
  }

  /// One of the events that were read.
  func event(_ sequence: Int64) -> Event? {
    read.values.lazy.compactMap { $0.event(sequence) }.first
  }

  /// The cursor of a client that has everything of the stream up to an event.
  func cursor(through sequence: Int64) -> Cursor {
    var cursor = Cursor()
    cursor.set(stream: stream, epoch: epoch, to: sequence)
    return cursor
  }
}

extension StreamSender {
  /// What the connection of a row gets.
  func catchUp(_ row: LaggingConnection, record: ConnectionRecord?, pages: inout LogPages) throws(TableError) -> CatchUp
  {
    guard let record else { return CatchUp(row: row, delivery: nil, through: nil) }
    if let until = record.untilMilliseconds, until <= clock.milliseconds() {
      let delivery = PendingDelivery(
        expired: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, through: pages.end)
      return CatchUp(row: row, delivery: delivery, through: pages.end)
    }
    if record.accepts.asksForBatches(record.dialect) { return try batches(row, record: record, pages: &pages) }
    let withheld = row.withheld ?? Withheld()
    let page = try pages.page(from: row.from).prefix(through: withheld.through)
    let events = PlacedEvent.conflated(page.events, types: types)
    let matches = events.enumerated().compactMap { index, placed in
      placed.placement.sequence <= withheld.after
        ? nil : record.shownName(of: placed.event, types: types).map { Recipient.Match(event: index, shownAs: $0) }
    }
    var catchUp = CatchUp(row: row, delivery: nil, through: page.through)
    guard !matches.isEmpty else { return catchUp }
    let urgent = PlacedEvent.lastUrgent(of: matches, among: events)
    var cache = FrameCache(events: events, types: types, cursor: pages.cursor(through: page.through).text)
    let frames = cache.frames(matches, dialect: record.dialect, accepts: record.accepts)
    var limited = LimitedFrames.all(frames)
    if !record.accepts.takesBatches(record.dialect) {
      budget?.add(record.id, paidUntil: withheld.paidUntilMilliseconds)
      limited = self.limited(
        frames, to: record.id, through: page.through, after: withheld.after, urgent: urgent)
    }
    catchUp.rest = limited.rest
    guard !limited.now.isEmpty else { return catchUp }
    catchUp.delivery = PendingDelivery(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: Array(limited.now),
      eventCount: limited.rest == nil ? matches.count : limited.now.count,
      alerts: matches.sequences(ofAlerts: AlertOutcomes.sequences(among: events)))
    return catchUp
  }
}

extension StreamSender {
  /// What the connection of a row gets that asked for batches: those that are full, or due.
  private func batches(
    _ row: LaggingConnection, record: ConnectionRecord, pages: inout LogPages
  ) throws(TableError) -> CatchUp {
    let page = try pages.page(from: row.from)
    let matches: [TimedBatches.Match] = page.events.compactMap { logged in
      record.shownName(of: logged.event, types: types).map { (logged, $0) }
    }
    let now = clock.milliseconds()
    let batches = TimedBatches(
      matches, accepts: record.accepts, types: types, rule: batchRule, end: page.through,
      isDue: row.withheld?.isBatching ?? false && row.dueAtMilliseconds <= now, now: now,
      cursor: { pages.cursor(through: $0).text })
    var catchUp = CatchUp(row: row, delivery: nil, through: page.through, rest: batches.rest)
    guard !batches.frames.isEmpty else { return catchUp }
    let sent = matches.prefix { match in batches.rest?.from.map { match.logged.sequence < $0 } ?? true }
    catchUp.delivery = PendingDelivery(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: batches.frames,
      eventCount: sent.count, alerts: sent.filter(\.logged.event.isErrorAlert).map(\.logged.sequence))
    return catchUp
  }
}

extension LogPage {
  /// The events up to one of them; 0: all.
  fileprivate func prefix(through end: Int64) -> LogPage {
    guard end > 0, end < through else { return self }
    return LogPage(events: Array(events.prefix { $0.sequence <= end }), through: end)
  }
}
