import ConnectionStore

/// A stream's name as a key: compared by its bytes.
struct StreamKey: Hashable {
  private let bytes: [UInt8]

  init(_ name: String) { bytes = Array(name.utf8) }
}

/// One followed stream: its head, and the newest events since it has been followed, so that those who are at its head or near it
/// read nothing.
package final class FollowedStream {
  package let name: String
  /// Up to where its log was read; nil: it has none.
  package private(set) var head: LogHead?
  var followers = 0
  /// When its head is read next, on the clock that never goes back.
  package internal(set) var dueMilliseconds: Int64
  private var intervalMilliseconds: Int64
  /// Without gaps, up to the head.
  private var events: [LoggedEvent] = []
  private var bytes = 0

  private static let mostEvents = 2_000
  private static let mostBytes = 4 << 20
  /// Of one tick; what is more is read by the next one.
  private static let pagesAtOnce = 4

  init(name: String, head: LogHead?, intervalMilliseconds: Int64, dueMilliseconds: Int64) {
    self.name = name
    self.head = head
    self.intervalMilliseconds = intervalMilliseconds
    self.dueMilliseconds = dueMilliseconds
  }

  /// Whether the log is known to hold more than who is there has.
  package func isAhead(of position: FollowedPosition) -> Bool {
    guard let head else { return false }
    return head.epoch == position.epoch ? head.last > position.sequence : head.isLater(than: position.epoch)
  }

  /// Twice as long after each time that nothing came.
  func wait(hasMoved: Bool, from now: Int64, pace: FollowingPace) {
    intervalMilliseconds =
      hasMoved ? pace.shortestMilliseconds : min(intervalMilliseconds * 2, pace.longestMilliseconds)
    dueMilliseconds = pace.aligned(now + intervalMilliseconds)
  }

  /// Reads what is new up to a head that was just read. False: there is nothing new.
  func advance(to new: LogHead?, reading streamLog: StreamLog) throws(TableError) -> Bool {
    guard let new, new != head else { return false }
    var reached = head.map { $0.epoch == new.epoch ? $0.last : 0 } ?? 0
    if head?.epoch != new.epoch { forget() }
    for _ in 0..<Self.pagesAtOnce where reached < new.last {
      let page = try streamLog.read(stream: name, head: new, after: reached, limitEvents: Self.mostEvents)
      // After a gap what was kept before it is of no use.
      if page.events.first?.sequence != reached + 1 { forget() }
      keep(page.events)
      reached = page.through
    }
    // The events before the new head that were not read now are read by the next tick.
    head = LogHead(epoch: new.epoch, next: reached + 1)
    return true
  }

  /// Those after a sequence up to the head; nil: not all of them are kept.
  func kept(after sequence: Int64) -> ArraySlice<LoggedEvent>? {
    guard let first = events.first?.sequence, let last = events.last?.sequence, last == head?.last,
      first <= sequence + 1
    else { return nil }
    return events[Int(sequence + 1 - first)...]
  }

  /// What is kept already, of a reading of several pages that did not come to its end, is read again.
  private func keep(_ read: [LoggedEvent]) {
    let newest = events.last?.sequence ?? 0
    let new = read.drop { $0.sequence <= newest }
    events += new
    bytes += new.reduce(0) { $0 + EventBlock.bound(of: $1.event) }
    var dropped = 0
    while events.count - dropped > Self.mostEvents || bytes > Self.mostBytes, dropped < events.count - 1 {
      bytes -= EventBlock.bound(of: events[dropped].event)
      dropped += 1
    }
    events.removeFirst(dropped)
  }

  private func forget() {
    events = []
    bytes = 0
  }
}
