package import ConnectionStore
import Connections
package import Messaging

/// Events of a stream, in order.
package struct LogPage: Equatable, Sendable {
  /// Dense from the first on; empty if nothing that was asked for is left in the log, or nothing is there yet.
  package let events: [LoggedEvent]
  /// The sequence number up to which the log was read: everything after `after` up to it stands in `events`, or is no
  /// longer in the log.
  package let through: Int64

  package init(events: [LoggedEvent], through: Int64) {
    self.events = events
    self.through = through
  }

  /// The event with that number, if it stands here.
  package func event(_ sequence: Int64) -> Event? {
    guard let first = events.first, events.indices.contains(Int(sequence - first.sequence)) else { return nil }
    return events[Int(sequence - first.sequence)].event
  }
}

extension StreamLog {
  /// The events after a sequence number up to the head, whole segments at a time: at least one segment, then as many as
  /// fit both limits. What expired is passed over.
  ///
  /// `head` says which log is meant: segments of another epoch count as absent.
  package func read(
    stream: String, head: LogHead, after: Int64, limitEvents: Int = 500, limitBytes: Int = 1 << 20
  ) throws(TableError) -> LogPage {
    guard after < head.last, let audience = StreamName.audience(of: stream) else {
      return LogPage(events: [], through: max(after, head.last))
    }
    var collected = Collected(stream: stream, head: head, after: after, audience: audience)
    var query = SegmentRow.query(stream: stream, from: after + 1, through: head.last, limit: 32)
    repeat {
      let page = try table.query(query)
      if collected.isEmpty, !beginsAt(after + 1, segment: page.items.first, head: head) {
        try collected.append(containing(stream: stream, head: head, sequence: after + 1))
      }
      for item in page.items {
        if collected.isFull(limitEvents, limitBytes: limitBytes) { return collected.page }
        try collected.append(item)
      }
      query.after = page.next
    } while query.after != nil
    return collected.finished
  }

  private func beginsAt(_ sequence: Int64, segment: Item?, head: LogHead) -> Bool {
    guard let segment = segment.flatMap(SegmentRow.init) else { return false }
    return segment.first == sequence && segment.epoch == head.epoch
  }

  /// The segment that holds an event somewhere after its first one. Segments of a log before this one, late to expire,
  /// may stand inside it.
  private func containing(stream: String, head: LogHead, sequence: Int64) throws(TableError) -> Item? {
    guard sequence > 1 else { return nil }
    let query = SegmentRow.query(
      stream: stream, from: max(1, sequence - Int64(Self.segmentEvents) + 1), through: sequence - 1,
      limit: Self.segmentEvents)
    return try table.items(of: query).last { SegmentRow($0)?.epoch == head.epoch }
  }
}

/// What was read so far.
private struct Collected {
  let stream: String
  let head: LogHead
  let after: Int64
  let audience: Audience
  private var events: [LoggedEvent] = []
  private var bytes = 0

  init(stream: String, head: LogHead, after: Int64, audience: Audience) {
    self.stream = stream
    self.head = head
    self.after = after
    self.audience = audience
  }

  var isEmpty: Bool { events.isEmpty }

  func isFull(_ limitEvents: Int, limitBytes: Int) -> Bool {
    !events.isEmpty && (events.count >= limitEvents || bytes >= limitBytes)
  }

  mutating func append(_ item: Item?) throws(TableError) {
    guard let segment = item.flatMap(SegmentRow.init), segment.epoch == head.epoch else { return }
    let all = try segment.events(audience: audience)
    let asked = all.filter { $0.sequence > after && $0.sequence < head.next }
    // A segment that follows a gap: what stood before it has expired late or out of order, and counts as gone.
    if let last = events.last, let next = asked.first, next.sequence != last.sequence + 1 { events = [] }
    events += asked
    bytes += segment.block?.count ?? 0
  }

  /// The page of a reading that stops here.
  var page: LogPage { LogPage(events: events, through: events.last?.sequence ?? after) }

  /// The page of a reading that came to the head. Where the newest events expired before older ones, these stand before
  /// a gap too.
  var finished: LogPage {
    LogPage(events: events.last?.sequence == head.last ? events : [], through: head.last)
  }
}
