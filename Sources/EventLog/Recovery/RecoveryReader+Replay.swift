import ConnectionStore
import Connections
import Messaging

extension RecoveryReader {
  /// What came after some place in a stream.
  struct Replay {
    /// Everything that is for the client after this one is in `events`.
    var base: Int64
    var events: [LoggedEvent] = []
    var isTrimmed = false
  }

  /// The newest of what is for a connection and stands in the log after `after`, as much as the budget allows.
  func replay(
    record: ConnectionRecord, stream: String, head: LogHead, after: Int64, budget: inout RecoveryLimits
  ) throws(TableError) -> Replay {
    guard after < head.last else { return Replay(base: after) }
    let reach = StreamName.isPersonal(stream: stream) ? personalEvents : budget.scannedEvents
    let start = max(after, head.last - reach)
    let lapsed = StreamName.isPersonal(stream: stream) ? budget.lapsedMilliseconds : 0
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
        if lapsed > 0, EventTime.milliseconds(ofID: event.event.id) ?? .max < lapsed {
          (replay.base, replay.isTrimmed) = (event.sequence, false)
          continue
        }
        if let dropped = kept.add(event) { (replay.base, replay.isTrimmed) = (dropped, true) }
      }
      position = page.through
    }
    replay.events = kept.events
    // The others get a little at least.
    budget.events = max(100, budget.events - replay.events.count)
    budget.bytes = max(64 << 10, budget.bytes - kept.bytes)
    return replay
  }
}
