import Connections
import EventLog
import Frames
import Messaging

// 002's batcher, for the clients that asked for it (`batch=1`).

/// When a client that asked for batches gets one.
struct BatchRule: Equatable, Sendable {
  let events: Int
  let milliseconds: Int64

  /// So short before its time a batch is left to the lag sender: it may be at it.
  static let leftToLagSenderMilliseconds: Int64 = 100

  init(_ limits: StreamLimits) {
    events = Int(limits.batchEvents)
    milliseconds = limits.batchMilliseconds
  }

  /// When a batch is sent, at the latest, that begins with an event.
  func due(first event: Event, now: Int64) -> Int64 {
    let accepted = EventTime.milliseconds(ofID: event.id) ?? now
    return min(max(now, accepted + milliseconds), now + milliseconds)
  }
}

/// The events of a stream that are for a client, as batches: those that it is sent now, and when the rest is due.
///
/// For example, with ten events a batch: of 25 it gets two frames, of ten each; the last five wait until the first of them is a
/// second old, or five more have come. Each of the 25 counts, also one that another of its batch stands for: so a key that
/// moves ten times a second fills a batch with one event. Events of two batches are not conflated: what waits is sent whole.
struct TimedBatches {
  /// An event of the log that is for the client, and the name it is shown by.
  typealias Match = (logged: LoggedEvent, shownAs: String)

  private(set) var frames: [OutgoingFrame] = []
  /// Nil: nothing waits.
  private(set) var rest: LimitedFrames.Rest?

  /// `cursor`: of a client that has everything up to an event. `end`: the stream was read up to there. `isDue`: the first of
  /// them has waited long enough, whatever clocks say.
  init(
    _ matches: [Match], accepts: Accepts, types: EventTypeTable, rule: BatchRule, end: Int64, isDue: Bool, now: Int64,
    cursor: (Int64) -> String
  ) {
    var left = matches[...]
    while let first = left.first {
      let batch = left.prefix(rule.events)
      left = left.dropFirst(rule.events)
      let due = isDue && batch.startIndex == 0 ? now : rule.due(first: first.logged.event, now: now)
      guard batch.count == rule.events || due <= now || batch.contains(where: \.logged.event.isUrgent) else {
        rest = LimitedFrames.Rest(
          withheld: Withheld(isBatching: true), dueAtMilliseconds: due, from: first.logged.sequence)
        return
      }
      let through = left.isEmpty ? end : batch.last?.logged.sequence ?? end
      frames += Self.frames(batch, accepts: accepts, types: types, cursor: cursor(through))
    }
  }

  private static func frames(
    _ batch: ArraySlice<Match>, accepts: Accepts, types: EventTypeTable, cursor: String
  ) -> [OutgoingFrame] {
    let placed = PlacedEvent.conflated(batch.map(\.logged), types: types)
    var cache = FrameCache(events: placed, types: types, cursor: cursor)
    // An event bears the name of the newest of its key.
    let names = Dictionary(batch.map { ($0.logged.sequence, $0.shownAs) }, uniquingKeysWith: { $1 })
    let matches = placed.enumerated().map { index, one in
      Recipient.Match(event: index, shownAs: names[one.placement.sequence] ?? one.event.type)
    }
    return cache.frames(matches, dialect: .typed, accepts: accepts)
  }
}

/// Which events of a round others of their key stand for.
struct ConflatedEvents {
  private let events: [LoggedEvent]
  /// Of each by its index the index of the one that is sent.
  private let shown: [Int]

  private struct Key: Hashable {
    let type: [UInt8]
    let key: [UInt8]

    init(_ event: Event) {
      type = Array(event.type.utf8)
      key = Array((event.key ?? "").utf8)
    }
  }

  /// `placed`: what is sent of `events`.
  init(_ events: [LoggedEvent], placed: [PlacedEvent]) {
    self.events = events
    var shown = Array(repeating: 0, count: events.count)
    var newer: [Key: Int] = [:]
    var next = placed.count - 1
    for index in events.indices.reversed() {
      if next >= 0, placed[next].placement.sequence == events[index].sequence {
        if placed[next].placement.folded > 0 { newer[Key(events[index].event)] = next }
        shown[index] = next
        next -= 1
      } else {
        shown[index] = newer[Key(events[index].event)] ?? 0
      }
    }
    self.shown = shown
  }

  /// All events that are for a connection, of which `matches` are sent: what an event stands for is seen by the same.
  func all(_ matches: [Recipient.Match]) -> [TimedBatches.Match] {
    let names = Dictionary(matches.map { ($0.event, $0.shownAs) }, uniquingKeysWith: { $1 })
    return events.indices.compactMap { index in names[shown[index]].map { (events[index], $0) } }
  }
}

extension Accepts {
  /// Whether it asked for those of 002's batcher.
  func asksForBatches(_ dialect: Dialect) -> Bool { takesBatches(dialect) && contains(.timedBatches) }
}
