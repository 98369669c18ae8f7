package import ConnectionStore
import Messaging
package import Telemetry

/// Reads the log for one connection: on `hello`, for history, for the cursor of a `pong`.
///
/// What it shows is decided by `ConnectionRecord.shownName(of:)`, as on every path.
package struct RecoveryReader {
  let table: any Table
  let streamLog: StreamLog
  private let latest: LatestRows
  let clock: Clock

  private let personalEvents: Int64
  private let personalSeconds: Int64

  package init(
    _ table: any Table, shards: Int = 1, limits: StreamLimits = StreamLimits(), clock: Clock = .system
  ) {
    personalEvents = limits.personalEvents
    personalSeconds = limits.personalSeconds
    self.table = table
    self.clock = clock
    streamLog = StreamLog(table, shards: shards, clock: clock)
    latest = LatestRows(table, shards: shards, clock: clock)
  }

  /// What a client lacks. Its listener rows stand already: so what is appended after this reads the heads is sent to it.
  ///
  /// - `cursor`: as it came; nil: the client comes for the first time.
  /// - `seen`: for each stream the newest event the client got since that cursor.
  package func recover(
    _ record: ConnectionRecord, cursor text: String? = nil, seen: [String: Int64] = [:],
    limits: RecoveryLimits = RecoveryLimits()
  ) throws(TableError) -> Recovery {
    let streams = record.streams
    let heads = try heads(of: streams)
    let cursor = text.flatMap { Cursor($0) }
    var recovery = Recovery()
    recovery.from = cursor == nil ? nil : text
    var budget = limits
    // Asked also where nothing is lacking: it notes that somebody of the person is here again.
    budget.lapsedMilliseconds = try lapsed(record, streams)
    let namesOthers = cursor.map { $0.namesOthers(than: zip(streams, heads).map { ($0, $1?.epoch) }) } ?? false
    for (stream, head) in zip(streams, heads) {
      let place = Self.place(stream, head, text == nil ? nil : .some(cursor), seen, namesOthers)
      let part = try part(record, stream, head, place, &budget)
      recovery.cursor.set(stream, epoch: head?.epoch ?? "", to: head?.last ?? 0)
      recovery.parts.append(part)
    }
    return recovery
  }

  /// The state of some streams as of the places that are held for the connection in them; what comes after those is the
  /// sender's.
  package func states(_ record: ConnectionRecord, _ holds: [Hold]) throws(TableError) -> [Recovery.Part] {
    var parts: [Recovery.Part] = []
    for hold in holds {
      var part = Recovery.Part(stream: hold.stream, base: hold.through)
      part.snapshot = try snapshot(record, hold.stream, epoch: hold.epoch, through: hold.through)
      parts.append(part)
    }
    return parts
  }

  /// Whether a stream holds anything that comes after the place held.
  package func hasMore(than holds: [Hold]) throws(TableError) -> [String] {
    let heads = try heads(of: holds.map(\.stream))
    return zip(holds, heads).compactMap { hold, head in head?.last ?? 0 > hold.through ? hold.stream : nil }
  }

  // MARK: Where the client is

  private enum Place {
    /// It does not follow the stream yet.
    case new
    case after(Int64)
    case lost(Recovery.Reason)
  }

  /// `cursor`: nil if none came, nil inside if it cannot be read. What the client has seen of a stream that its cursor does
  /// not name was told by a hello that was not answered to its end.
  private static func place(
    _ stream: String, _ head: LogHead?, _ cursor: Cursor??, _ seen: [String: Int64], _ namesOthers: Bool
  ) -> Place {
    let newest = seen.first { $0.key.hasSameBytes(as: stream) }?.value
    if case .some(nil) = cursor { return .lost(.unknown) }
    let told = cursor ?? nil
    // The log may have been begun since the cursor was made.
    let begun = told?.sequence(of: stream, epoch: "") ?? (newest == 0 ? 0 : nil)
    guard let head else {
      // Of a log that was forgotten nobody knows what is missed.
      if newest ?? 0 > 0 || begun == nil && namesOthers { return .lost(.epoch) }
      return begun == nil ? .new : .after(0)
    }
    guard let sequence = told?.sequence(of: stream, epoch: head.epoch) ?? begun else {
      if namesOthers { return .lost(.epoch) }
      return newest.map { $0 > head.last ? .lost(.epoch) : .after($0) } ?? .new
    }
    if sequence > head.last { return .lost(.epoch) }
    guard let newest, newest <= head.last else { return .after(sequence) }
    return .after(max(sequence, newest))
  }

  // MARK: What it gets

  private func part(
    _ record: ConnectionRecord, _ stream: String, _ head: LogHead?, _ place: Place, _ budget: inout RecoveryLimits
  ) throws(TableError) -> Recovery.Part {
    guard let head else {
      var part = Recovery.Part(stream: stream, base: 0)
      if case .after = place { part.extent = .all } else { part.snapshot = [] }
      if case .lost(let reason) = place {
        (part.extent, part.reason, part.missed) = (Recovery.Extent.none, reason, nil)
      }
      return part
    }
    switch place {
    case .after(let sequence): return try resumed(record, stream, head, sequence, &budget)
    case .new:
      var part = Recovery.Part(stream: stream, base: 0)
      try state(record, head, &part, &budget)
      return part
    case .lost(let reason):
      var part = Recovery.Part(stream: stream, extent: Recovery.Extent.none, reason: reason, missed: nil, base: 0)
      try state(record, head, &part, &budget)
      return part
    }
  }

  private func resumed(
    _ record: ConnectionRecord, _ stream: String, _ head: LogHead, _ after: Int64, _ budget: inout RecoveryLimits
  ) throws(TableError) -> Recovery.Part {
    var part = Recovery.Part(stream: stream, extent: .all, base: after)
    let replay = try replay(record, stream, head, after, &budget)
    part.events = replay.events
    guard replay.base > after else { return part }
    part.base = replay.base
    part.missed = replay.base - after
    part.reason = replay.isTrimmed ? .trimmed : .expired
    part.extent = replay.base == head.last ? Recovery.Extent.none : .part
    part.snapshot = try snapshot(record, stream, head, replay)
    return part
  }

  /// The state as of what was sent, and everything after it.
  private func state(
    _ record: ConnectionRecord, _ head: LogHead, _ part: inout Recovery.Part, _ budget: inout RecoveryLimits
  ) throws(TableError) {
    let mark = try Marks(table, clock: clock).look(part.stream)
    let sent = mark.map { $0.epoch == head.epoch ? $0.sentThrough : 0 } ?? 0
    let replay = try replay(record, part.stream, head, min(sent, head.last), &budget)
    part.base = replay.base
    part.events = replay.events
    part.snapshot = try snapshot(record, part.stream, head, replay)
  }

  private func snapshot(
    _ record: ConnectionRecord, _ stream: String, _ head: LogHead, _ replay: Replay
  ) throws(TableError) -> [LoggedEvent] {
    // Before the rows, which are written before the mark says so.
    let unsent = replay.isTrimmed ? try unsent(record, stream, head, through: replay.base) : [:]
    return try snapshot(record, stream, epoch: head.epoch, through: replay.base, unsent)
  }

  /// Rows that are newer than `through` are left out: the events they tell of are replayed. `unsent`: of some keys what is newer
  /// than their rows.
  private func snapshot(
    _ record: ConnectionRecord, _ stream: String, epoch: String, through: Int64, _ unsent: [[UInt8]: LoggedEvent] = [:]
  ) throws(TableError) -> [LoggedEvent] {
    guard let type = StreamName.type(of: stream) else { return [] }
    var rows: [LoggedEvent] = []
    if let keys = record.subscriptions.onlyKeys(of: type) {
      for key in keys { rows += try latest.read(type, key: key, epoch: epoch) }
      rows.sort { $0.sequence < $1.sequence }
    } else {
      rows = try latest.read(type, epoch: epoch)
    }
    rows = rows.filter { row in
      row.sequence <= through && record.shownName(of: row.event) != nil
        && unsent[Array((row.event.key ?? "").utf8)] == nil
    }
    return unsent.isEmpty ? rows : (rows + unsent.values).sorted { $0.sequence < $1.sequence }
  }

  private struct Replay {
    /// Everything that is for the client after this one is in `events`.
    var base: Int64
    var events: [LoggedEvent] = []
    var isTrimmed = false
  }

  private func replay(
    _ record: ConnectionRecord, _ stream: String, _ head: LogHead, _ after: Int64, _ budget: inout RecoveryLimits
  ) throws(TableError) -> Replay {
    guard after < head.last else { return Replay(base: after) }
    let reach = StreamName.isPersonal(stream) ? personalEvents : budget.scannedEvents
    let start = max(after, head.last - reach)
    let lapsed = StreamName.isPersonal(stream) ? budget.lapsedMilliseconds : 0
    var kept = KeptEvents(limits: budget)
    var replay = Replay(base: start, isTrimmed: start > after)
    var place = start
    while place < head.last {
      let page = try streamLog.read(stream, head: head, after: place, limitEvents: 2_000)
      if let first = page.events.first, first.sequence > place + 1 {
        // What stood before is no longer in the log.
        kept.removeAll()
        (replay.base, replay.isTrimmed) = (first.sequence - 1, false)
      } else if page.events.isEmpty {
        kept.removeAll()
        (replay.base, replay.isTrimmed) = (page.through, false)
      }
      for event in page.events where record.shownName(of: event.event) != nil {
        if lapsed > 0, EventTime.milliseconds(ofID: event.event.id) ?? .max < lapsed {
          (replay.base, replay.isTrimmed) = (event.sequence, false)
          continue
        }
        if let dropped = kept.add(event) { (replay.base, replay.isTrimmed) = (dropped, true) }
      }
      place = page.through
    }
    replay.events = kept.events
    // The others get a little at least.
    budget.events = max(100, budget.events - replay.events.count)
    budget.bytes = max(64 << 10, budget.bytes - kept.bytes)
    return replay
  }

  /// What was kept for a person who was away for long is not shown any more.
  private func lapsed(_ record: ConnectionRecord, _ streams: [String]) throws(TableError) -> Int64 {
    guard streams.contains(where: StreamName.isPersonal), let user = record.principal.user else { return 0 }
    return try Presence(table: table, clock: clock).lapsed(
      user, connectedAtMilliseconds: record.connectedAtMilliseconds, keptSeconds: personalSeconds)
  }

  // MARK: Without reading events

  /// Up to where a connection lacks nothing, in every stream it follows.
  package func standing(_ record: ConnectionRecord) throws(TableError) -> Cursor {
    var cursor = Cursor()
    for one in try standings(record) { cursor.set(one.stream, epoch: one.epoch, to: one.delivered) }
    return cursor
  }

  /// Where a connection is in a stream.
  package struct Standing: Equatable, Sendable {
    package let stream: String
    /// Empty: the stream has no log.
    package let epoch: String
    /// The newest event there is.
    package let last: Int64
    /// Everything up to this one was delivered, as far as it is for this connection.
    package let delivered: Int64
  }

  package func standings(_ record: ConnectionRecord) throws(TableError) -> [Standing] {
    let streams = record.streams
    let heads = try heads(of: streams)
    // The marks before the rows of those who are behind: these are written before a mark passes what they lack.
    let marks = try table.pages(of: streams.map { Query(Keys.mark($0).partition) })
    let behind = try table.pages(
      of: streams.map { Query(Keys.behind($0), .between(record.id.text, record.id.text)) })
    var standings: [Standing] = []
    for (place, stream) in streams.enumerated() {
      guard let head = heads[place] else {
        standings.append(Standing(stream: stream, epoch: "", last: 0, delivered: 0))
        continue
      }
      var sequence: Int64 = 0
      if let mark = marks[place].items.first, mark.string("epoch") == head.epoch { sequence = mark.number("sent") ?? 0 }
      if let row = behind[place].items.first.flatMap(Behind.init), row.isOf(head.epoch) {
        sequence = min(sequence, row.from - 1)
      }
      standings.append(Standing(stream: stream, epoch: head.epoch, last: head.last, delivered: sequence))
    }
    return standings
  }

  private func heads(of streams: [String]) throws(TableError) -> [LogHead?] {
    let pages = try table.pages(of: streams.map { Query(Keys.log($0), .between("!", "!")) })
    return pages.map { $0.items.first.flatMap(LogHead.init) }
  }
}

/// The newest events that fit the bounds of one answer.
private struct KeptEvents {
  private var list: [LoggedEvent] = []
  private var start = 0
  private(set) var bytes = 0
  private let limits: RecoveryLimits

  init(limits: RecoveryLimits) { self.limits = limits }

  var events: [LoggedEvent] { Array(list[start...]) }

  mutating func removeAll() {
    list.removeAll()
    (start, bytes) = (0, 0)
  }

  /// The sequence number of the newest event that had to go for it, if one had.
  mutating func add(_ event: LoggedEvent) -> Int64? {
    list.append(event)
    bytes += EventBlock.bound(of: event.event)
    var dropped: Int64?
    while list.count - start > limits.events || bytes > limits.bytes, start < list.count - 1 {
      bytes -= EventBlock.bound(of: list[start].event)
      dropped = list[start].sequence
      start += 1
    }
    if start > 4_096 {
      list.removeFirst(start)
      start = 0
    }
    return dropped
  }
}
