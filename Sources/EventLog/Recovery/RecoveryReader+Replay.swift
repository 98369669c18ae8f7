import ConnectionStore
import Connections
import Messaging

extension RecoveryReader {
  /// What came after some place in a stream.
  struct Replay {
    /// Everything that is for the client after this one is in `events`.
    var base: Int64
    var events: [LoggedEvent] = []
    /// Of some by their sequence how many earlier ones they stand for.
    var folded: [Int64: Int] = [:]
    var isTrimmed = false
  }

  /// The newest of what is for a connection and stands in the log after `after`, as much as the budget allows.
  func replay(
    record: ConnectionRecord, stream: String, head: LogHead, after: Int64, budget: inout RecoveryLimits
  ) throws(TableError) -> Replay {
    guard after < head.last else { return Replay(base: after) }
    if StreamName.isPersonal(stream: stream) {
      return try waiting(
        record: record, stream: stream, head: head, after: after, through: head.last, budget: &budget)
    }
    let start = max(after, head.last - budget.scannedEvents)
    var kept = KeptEvents(limits: budget)
    var replay = Replay(base: start, isTrimmed: start > after)
    var position = start
    while position < head.last {
      let page = try streamLog.read(stream: stream, head: head, after: position, limitEvents: 2_000)
      if let first = page.events.first, first.sequence > position + 1 {
        // What stood before is no longer in the log.
        kept.removeAll()
        (replay.base, replay.isTrimmed) = (first.sequence - 1, false)
      } else if page.events.isEmpty {
        kept.removeAll()
        (replay.base, replay.isTrimmed) = (page.through, false)
      }
      for event in page.events where isShown(event.event, to: record) {
        if let dropped = kept.add(event) { (replay.base, replay.isTrimmed) = (dropped, true) }
      }
      position = page.through
    }
    replay.events = kept.events
    budget.take(events: replay.events.count, bytes: kept.bytes)
    return replay
  }
}

extension RecoveryLimits {
  /// The others get a little at least.
  mutating func take(events count: Int, bytes size: Int) {
    events = max(100, events - count)
    bytes = max(64 << 10, bytes - size)
  }
}
