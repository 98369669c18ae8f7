package import ConnectionStore
package import Connections
import Frames
import Messaging
package import Telemetry

/// Reads the log for one connection: on `hello`, for history, for the cursor of a `pong`.
///
/// For example: a client comes back with a cursor that says 4 in a stream whose log holds 1 to 9. It gets 5 to 9 of those
/// types, keys and audiences that are for it, and `resume` says `all`. If the log was trimmed to 7 to 9, it gets these, is
/// told that it missed two, and gets the last value of each key. If the stream has another epoch than the cursor names, the
/// sequence 4 says nothing: it gets the state alone. `Docs/decisions/0005-rounds-checkpoints-and-active-streams.md`,
/// `Docs/protocol.md`.
///
/// What it shows is decided by `EventTypeTable.shownName`, as on every path.
package struct RecoveryReader {
  let table: any Table
  package let types: EventTypeTable
  let streamLog: StreamLog
  let lastValues: LastValues
  let clock: Clock
  /// Of the invocation; nil: nothing is said.
  package var log: Log?

  let personalEvents: Int64
  let personalSeconds: Int64
  let batchEvents: Int
  let latestSeconds: Int64

  package init(
    table: any Table, types: EventTypeTable, shards: Int = 1, limits: StreamLimits = StreamLimits(),
    log: Log? = nil, clock: Clock = .system
  ) {
    personalEvents = limits.personalEvents
    personalSeconds = limits.personalSeconds
    batchEvents = Int(limits.batchEvents)
    latestSeconds = limits.latestSeconds
    self.table = table
    self.types = types
    self.log = log
    self.clock = clock
    streamLog = StreamLog(table: table, shards: shards, clock: clock)
    lastValues = LastValues(table: table, shards: shards, clock: clock)
  }

  /// What a client lacks. Its listener rows stand already: so what is appended after this reads the heads is sent to
  /// it.
  ///
  /// - `cursor`: as it came; nil: the client comes for the first time.
  /// - `seen`: for each stream the newest event the client got since that cursor.
  package func recover(
    record: ConnectionRecord, cursor text: String? = nil, seen: [String: Int64] = [:],
    limits: RecoveryLimits = RecoveryLimits()
  ) throws(TableError) -> Recovery {
    let streams = record.streams(types: types)
    let heads = try heads(of: streams)
    let cursor = text.flatMap { Cursor($0) }
    var recovery = Recovery()
    recovery.from = cursor == nil ? nil : text
    var budget = limits
    let owing = record.owing()
    // Asked also where nothing is lacking: it records that a connection of the user is here again.
    budget.lapsedMilliseconds = try lapsed(record: record, streams: zip(streams, heads).map { ($0, $1?.epoch) })
    let presented = Self.presented(text, cursor: cursor, streams: streams, heads: heads)
    for (stream, head) in zip(streams, heads) {
      let resumption = Resumption(
        stream: stream, head: head, presented: presented, seen: seen.first { $0.key.hasSameBytes(as: stream) }?.value)
      var part = try part(record: record, stream: stream, head: head, resumption: resumption, budget: &budget)
      if let head, let owing, part.snapshot == nil { try addOwed(of: owing, head: head, to: &part) }
      part.head = head
      recovery.cursor.set(stream: stream, epoch: head?.epoch ?? "", to: head?.last ?? 0)
      recovery.parts.append(part)
    }
    return recovery
  }

  static func presented(
    _ text: String?, cursor: Cursor?, streams: [String], heads: [LogHead?]
  ) -> Resumption.Presented {
    guard text != nil else { return .nothing }
    guard let cursor else { return .unreadable }
    return .cursor(cursor, namesOthers: cursor.namesOthers(than: zip(streams, heads).map { ($0, $1?.epoch) }))
  }

  // MARK: What it gets

  private func part(
    record: ConnectionRecord, stream: String, head: LogHead?, resumption: Resumption, budget: inout RecoveryLimits
  ) throws(TableError) -> Recovery.Part {
    guard let head else {
      var part = Recovery.Part(stream: stream, base: 0)
      if case .after = resumption { part.extent = .all } else { part.snapshot = [] }
      // What is kept of a user outlives the log.
      if part.snapshot != nil { part.snapshot = try userState(record: record, stream: stream, head: nil) }
      if case .lost(let reason) = resumption {
        (part.extent, part.reason, part.missed) = (Recovery.Extent.none, reason, nil)
      }
      return part
    }
    switch resumption {
    case .after(let sequence):
      return try resumed(record: record, stream: stream, head: head, after: sequence, budget: &budget)
    case .new:
      var part = Recovery.Part(stream: stream, base: 0)
      try state(record: record, head: head, part: &part, budget: &budget)
      return part
    case .lost(let reason):
      var part = Recovery.Part(stream: stream, extent: Recovery.Extent.none, reason: reason, missed: nil, base: 0)
      try state(record: record, head: head, part: &part, budget: &budget)
      return part
    }
  }

  private func resumed(
    record: ConnectionRecord, stream: String, head: LogHead, after: Int64, budget: inout RecoveryLimits
  ) throws(TableError) -> Recovery.Part {
    var part = Recovery.Part(stream: stream, extent: .all, base: after)
    let replay = try replay(record: record, stream: stream, head: head, after: after, budget: &budget)
    (part.events, part.folded) = (replay.events, replay.folded)
    guard replay.base > after else { return part }
    part.base = replay.base
    part.missed = replay.base - after
    part.reason = replay.isTrimmed ? .trimmed : .expired
    part.extent = replay.base == head.last ? Recovery.Extent.none : .part
    part.snapshot = try snapshot(record: record, stream: stream, head: head, replay: replay)
    return part
  }

  /// What was kept for a user who was away for long is not shown any more, to nobody and on no path.
  /// `epoch`: of the stream's log; nil: it has none.
  func lapsed(record: ConnectionRecord, streams: [(name: String, epoch: String?)]) throws(TableError) -> Int64 {
    let personal = streams.first { StreamName.isPersonal(stream: $0.name) }
    guard let personal, let user = record.principal.user else { return 0 }
    let lapse = try Presence(table: table, clock: clock).lapse(
      user, connectedAtMilliseconds: record.connectedAtMilliseconds,
      logBeganAtMilliseconds: personal.epoch.flatMap(LogHead.beganAtMilliseconds), keptSeconds: personalSeconds)
    if lapse.isNew, personal.epoch != nil {
      log?.of(record).info(
        "events kept for a user lapsed",
        ["user": .personal(user), "seconds": .number(personalSeconds), "connectionId": .identifier(record.id.text)])
    }
    return lapse.beforeMilliseconds
  }

  func isShown(_ event: Event, to record: ConnectionRecord) -> Bool { record.shownName(of: event, types: types) != nil }

  /// Of each stream the head of its log; nil: it has none.
  func heads(of streams: [String]) throws(TableError) -> [LogHead?] {
    let pages = try table.pages(of: streams.map { LogHeadRow.query(stream: $0) })
    return pages.map { $0.items.first.flatMap(LogHead.init) }
  }
}
