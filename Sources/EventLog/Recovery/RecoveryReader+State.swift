package import ConnectionStore
package import Connections
import Messaging

// The newest event of every key, as of a sequence.
extension RecoveryReader {
  /// The state of some streams as of their delivery pauses; the events after those are for the sender to post.
  package func states(record: ConnectionRecord, pauses: [DeliveryPause]) throws(TableError) -> [Recovery.Part] {
    var parts: [Recovery.Part] = []
    for pause in pauses {
      var part = Recovery.Part(stream: pause.stream, base: pause.through)
      if StreamName.isPersonal(stream: pause.stream) {
        try addWaiting(to: &part, record: record, epoch: pause.epoch)
        part.snapshot = try userState(
          record: record, stream: pause.stream, head: LogHead(epoch: pause.epoch, next: pause.through + 1))
        parts.append(part)
        continue
      }
      part.snapshot = try snapshot(record: record, stream: pause.stream, epoch: pause.epoch, through: pause.through)
      parts.append(part)
    }
    return parts
  }

  /// What waits for the user, up to where the part begins.
  private func addWaiting(
    to part: inout Recovery.Part, record: ConnectionRecord, epoch: String
  ) throws(TableError) {
    var budget = RecoveryLimits()
    budget.lapsedMilliseconds = try lapsed(record: record, streams: [(part.stream, part.base > 0 ? epoch : nil)])
    let head = LogHead(epoch: epoch, next: part.base + 1)
    let replay = try waiting(
      record: record, stream: part.stream, head: head, after: 0, through: part.base, budget: &budget)
    (part.events, part.folded) = (replay.events, replay.folded)
  }

  /// The streams whose logs hold events after their delivery pause.
  package func hasMore(than pauses: [DeliveryPause]) throws(TableError) -> [String] {
    let heads = try heads(of: pauses.map(\.stream))
    return zip(pauses, heads).compactMap { pause, head in head?.last ?? 0 > pause.through ? pause.stream : nil }
  }

  /// The state as of what was sent, and everything after it; of a user's stream what waits.
  func state(
    record: ConnectionRecord, head: LogHead, part: inout Recovery.Part, budget: inout RecoveryLimits
  ) throws(TableError) {
    var sent: Int64 = 0
    if !StreamName.isPersonal(stream: part.stream) {
      let checkpoint = try Checkpoints(table: table, clock: clock).read(stream: part.stream)
      sent = checkpoint.map { $0.epoch == head.epoch ? $0.deliveredThrough : 0 } ?? 0
    }
    let replay = try replay(
      record: record, stream: part.stream, head: head, after: min(sent, head.last), budget: &budget)
    part.base = replay.base
    (part.events, part.folded) = (replay.events, replay.folded)
    part.snapshot = try snapshot(record: record, stream: part.stream, head: head, replay: replay)
  }

  /// The state of what a client is owed in a stream that it follows, as of where it is there: what came to those keys later
  /// is among the events that it lacks. For example: a client that has 1 to 6 of a stream by the key AAPL says hello with
  /// the key MSFT too. The newest event of MSFT is 4: it gets that as a state, as of 6, and 7 and 8 of both keys.
  func addOwed(of owing: ConnectionRecord, head: LogHead, to part: inout Recovery.Part) throws(TableError) {
    guard owing.subscribedStreams(types: types).contains(where: { $0.hasSameBytes(as: part.stream) }) else { return }
    // The rows of the last values may not tell yet of events that the client has.
    let replay = Replay(base: part.base, isTrimmed: true)
    part.snapshot = try snapshot(record: owing, stream: part.stream, head: head, replay: replay)
  }

  /// The state as of where a replay begins.
  func snapshot(
    record: ConnectionRecord, stream: String, head: LogHead, replay: Replay
  ) throws(TableError) -> [LoggedEvent] {
    guard StreamName.type(of: stream) != nil else {
      return try userState(record: record, stream: stream, head: head)
    }
    // Before the last-value rows, which are written before the checkpoint says so.
    let unsent = replay.isTrimmed ? try unsent(record: record, stream: stream, head: head, through: replay.base) : [:]
    return try snapshot(record: record, stream: stream, epoch: head.epoch, through: replay.base, unsent: unsent)
  }

  /// Rows that are newer than `through` are left out: the events they tell of are replayed. `unsent`: of some keys what
  /// is newer than their rows.
  private func snapshot(
    record: ConnectionRecord, stream: String, epoch: String, through: Int64, unsent: [[UInt8]: LoggedEvent] = [:]
  ) throws(TableError) -> [LoggedEvent] {
    // What was announced is not the state of anything.
    guard let type = StreamName.type(of: stream), !type.hasSameBytes(as: Event.announcement) else { return [] }
    var rows: [LoggedEvent] = []
    if let keys = record.subscriptions.onlyKeys(of: type) {
      for key in keys { rows += try lastValues.read(type, key: key, epoch: epoch) }
      rows.sort { $0.sequence < $1.sequence }
    } else {
      rows = try lastValues.read(type, epoch: epoch)
    }
    rows = rows.filter { row in
      row.sequence <= through && isShown(row.event, to: record)
        && unsent[Array((row.event.key ?? "").utf8)] == nil
    }
    return unsent.isEmpty ? rows : (rows + unsent.values).sorted { $0.sequence < $1.sequence }
  }

  /// What the last-value rows do not hold yet: of each key the newest event after what was sent. Nearly always there is
  /// none.
  private func unsent(
    record: ConnectionRecord, stream: String, head: LogHead, through: Int64
  ) throws(TableError) -> [[UInt8]: LoggedEvent] {
    let checkpoint = try Checkpoints(table: table, clock: clock).read(stream: stream)
    var position = checkpoint.map { $0.epoch == head.epoch ? $0.deliveredThrough : 0 } ?? 0
    var newest: [[UInt8]: LoggedEvent] = [:]
    let part = LogHead(epoch: head.epoch, next: through + 1)
    while position < through {
      let page = try streamLog.read(stream: stream, head: part, after: position, limitEvents: 2_000)
      for event in page.events where isShown(event.event, to: record) {
        if let key = event.event.key { newest[Array(key.utf8)] = event }
      }
      position = page.through
    }
    return newest
  }
}
