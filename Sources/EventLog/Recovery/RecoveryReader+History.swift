package import ConnectionStore
package import Connections
package import Frames
import Messaging

/// A part of what the logs hold for a connection.
package struct HistoryPage: Equatable, Sendable {
  /// Stream by stream, in order within each.
  package internal(set) var events: [LoggedEvent] = []
  /// Where to go on: names every stream that the connection follows.
  package internal(set) var cursor = Cursor()
  /// Whether there is more now.
  package internal(set) var hasMore = false
  /// Of each stream from which the cursor that came cannot go on, how much was missed; nil: nobody knows. The events begin
  /// with the oldest that is left.
  package internal(set) var missed: [(stream: String, reason: Recovery.Reason, events: Int64?)] = []

  package static func == (left: HistoryPage, right: HistoryPage) -> Bool {
    left.events == right.events && left.cursor == right.cursor && left.hasMore == right.hasMore
      && left.missed.elementsEqual(right.missed) { $0 == $1 }
  }
}

// The log, page by page from the oldest on.
extension RecoveryReader {
  package static let historyEvents = 1...1_000
  /// So many events of the logs are looked through for one page, also if few of them are for the connection.
  private static let scannedEvents: Int64 = 20_000
  private static let bytes = 1 << 20

  /// What the logs hold after a cursor and is for a connection, the oldest first: by the same rules as what is sent to it.
  ///
  /// `since`: nil, from the oldest event that is left. `limit`: is put into `historyEvents`. Of a user's stream there are the
  /// newest `PERSONAL_EVENTS`, and nothing that has lapsed; whoever reads it is no client that came back. A page may be empty and say that there is more.
  package func history(
    record: ConnectionRecord, since: String? = nil, limit: Int = 100
  ) throws(TableError) -> HistoryPage {
    let streams = record.streams(types: types)
    let heads = try heads(of: streams)
    let cursor = since.flatMap { Cursor($0) }
    let presented = Self.presented(since, cursor: cursor, streams: streams, heads: heads)
    var page = HistoryPage()
    var budget = HistoryBudget(
      events: min(max(limit, Self.historyEvents.lowerBound), Self.historyEvents.upperBound), bytes: Self.bytes,
      scanned: Self.scannedEvents)
    let personal = zip(streams, heads).first { StreamName.isPersonal(stream: $0.0) }?.1
    let lapsed = try record.principal.user.map { (user) throws(TableError) in
      try Presence(table: table, clock: clock).lapsedMilliseconds(
        user, logBeganAtMilliseconds: personal.flatMap { LogHead.beganAtMilliseconds(epoch: $0.epoch) },
        keptSeconds: personalSeconds)
    }
    for (stream, head) in zip(streams, heads) {
      guard let head else {
        page.cursor.set(stream: stream, epoch: "", to: 0)
        continue
      }
      var start: Int64 = 0
      switch Resumption(stream: stream, head: head, presented: presented, seen: nil) {
      case .after(let sequence): start = sequence
      case .new: break
      case .lost(let reason): page.missed.append((stream, reason, nil))
      }
      let isPersonal = StreamName.isPersonal(stream: stream)
      let reading = HistoryReading(
        stream: stream, head: head, after: isPersonal ? max(start, head.last - personalEvents) : start,
        lapsedMilliseconds: isPersonal ? lapsed ?? 0 : 0, asked: start)
      try read(reading, record: record, page: &page, budget: &budget)
    }
    return page
  }

  /// One stream's part of a page.
  private func read(
    _ reading: HistoryReading, record: ConnectionRecord, page: inout HistoryPage, budget: inout HistoryBudget
  ) throws(TableError) {
    var position = reading.after
    var isFirst = true
    while position < reading.head.last, !budget.isSpent {
      let log = try streamLog.read(
        stream: reading.stream, head: reading.head, after: position, limitEvents: budget.events)
      if isFirst, reading.asked > 0, (log.events.first?.sequence ?? log.through + 1) > reading.asked + 1 {
        let left = log.events.first?.sequence ?? log.through + 1
        let isTrimmed = reading.after > reading.asked && left == reading.after + 1
        page.missed.append((reading.stream, isTrimmed ? .trimmed : .expired, left - reading.asked - 1))
      }
      isFirst = false
      for logged in log.events where !budget.isSpent {
        position = logged.sequence
        budget.scanned -= 1
        let hasLapsed = EventTime.milliseconds(ofID: logged.event.id) ?? .max < reading.lapsedMilliseconds
        guard !hasLapsed, isShown(logged.event, to: record) else { continue }
        page.events.append(logged)
        budget.events -= 1
        budget.bytes -= EventBlock.bound(of: logged.event)
      }
      if !budget.isSpent { position = log.through }
    }
    page.hasMore = page.hasMore || position < reading.head.last
    page.cursor.set(stream: reading.stream, epoch: reading.head.epoch, to: position)
  }
}

/// What of a stream is asked for.
private struct HistoryReading {
  let stream: String
  let head: LogHead
  let after: Int64
  let lapsedMilliseconds: Int64
  /// What the client has by its cursor; 0: nothing.
  let asked: Int64
}

/// How much one page may still hold.
private struct HistoryBudget {
  var events: Int
  var bytes: Int
  var scanned: Int64

  var isSpent: Bool { events <= 0 || bytes <= 0 || scanned <= 0 }
}
