import Connections
import EventLog
import Messaging

/// One reading of a stream by the process that has its lease.
struct StreamReading {
  /// Of its log.
  let head: LogHead
  let lagging: LaggingConnections
  /// When, in milliseconds since the epoch.
  let milliseconds: Int64
}

/// The connections that lag in a stream as it was read.
struct LaggingConnections {
  /// The ready ones, which rounds serve when they are due; the sender does not wait for a slow one.
  let waiting: [LaggingConnection]
  /// The ready ones that are due, so many that the other listeners do not wait for long.
  let due: [LaggingConnection]
  /// All of them, ready or slow.
  let ids: Set<ConnectionID>
  /// Those of them that have left, as far as is known.
  let departed: Set<ConnectionID>
  /// A slow one is due for so long that it has no lag sender: that has died, or was never asked.
  let isUnserved: Bool
  /// Whether a lag sender may make one of them ready: it never does one that has left.
  let hasSlow: Bool
  /// Those that asked for batches and wait for theirs, unless it is nearly due: then the lag sender may be at it.
  let batching: [LaggingConnection]

  private static let servedTogether = 64
  private static let lagTimeoutMilliseconds: Int64 = 2_000

  init(rows: [LaggingConnection], now: Int64) {
    waiting = rows.filter { !$0.isSlow }
    due = Array(waiting.lazy.filter { $0.dueAtMilliseconds <= now }.prefix(Self.servedTogether))
    ids = Set(rows.map(\.id))
    departed = Set(rows.lazy.filter { $0.pace == .gone }.map(\.id))
    isUnserved = rows.contains { $0.isSlow && $0.dueAtMilliseconds < now - Self.lagTimeoutMilliseconds }
    hasSlow = rows.contains { $0.pace == .slow }
    batching = rows.filter {
      $0.isSlow && $0.withheld?.isBatching ?? false
        && $0.dueAtMilliseconds > now + BatchRule.leftToLagSenderMilliseconds
    }
  }

  private init(others ids: Set<ConnectionID>, hasSlow: Bool) {
    (waiting, due, self.ids, departed, isUnserved) = ([], [], ids, [], false)
    (self.hasSlow, batching) = (hasSlow, [])
  }

  /// The same, after all of them had their turn.
  var served: Self { Self(others: ids.subtracting(waiting.map(\.id)), hasSlow: hasSlow) }

  /// Whether a round had all of the ready ones, and each has everything now or is slow.
  func haveEnded(_ result: RoundResult) -> Bool {
    let ended = Set(result.served.map(\.id)).union(result.lags.map(\.id))
    return waiting.count == due.count && due.allSatisfy { ended.contains($0.id) }
  }

  /// Those whose batch may be full with the events up to `end`: there cannot be more of theirs than that; or one of these does
  /// not wait.
  func batching(_ events: [LoggedEvent], through end: Int64, rule: BatchRule) -> [LaggingConnection] {
    guard !batching.isEmpty, !events.isEmpty else { return [] }
    let isUrgent = events.contains(where: \.event.isUrgent)
    return Array(
      batching.lazy.filter { isUrgent || end - $0.from + 1 >= rule.events }.prefix(Self.servedTogether))
  }
}

/// What one pass over the listeners of a stream is to send: the events that stand in its log after the checkpoint, and to the
/// connections that lag and are due what they lack.
///
/// For example: the checkpoint is at 6 and the head at 9; `b` lags from 5, ready and due, and `c` from 4, slow. The plan has
/// the events 7 to 9, `end` 9, `due` b and `lagging` b and c. Every other listener gets 7 to 9, `b` gets 5 to 9, and `c`
/// nothing: a lag sender serves it. `Docs/delivery.md`.
struct RoundPlan {
  let stream: String
  let head: LogHead
  /// Ascending by sequence, without gaps; none if the round is for the connections that lag alone.
  let events: [LoggedEvent]
  /// The sequence of the last event.
  let end: Int64
  let lagging: LaggingConnections
  /// Those that lag and asked for batches, which may be full now.
  let batching: [LaggingConnection]
  /// When the stream was read, in milliseconds since the epoch.
  let milliseconds: Int64
  /// No page is begun after this moment, in milliseconds since the epoch.
  let stopAt: Int64

  var epoch: String { head.epoch }

  /// As many of the events of a page as fit one pass.
  init(stream: String, reading: StreamReading, page: LogPage, deliveredThrough: Int64, rule: BatchRule, stopAt: Int64) {
    self.stream = stream
    self.stopAt = stopAt
    (head, milliseconds) = (reading.head, reading.milliseconds)
    lagging = reading.lagging
    let count = EventBatch.fitting(page.events.lazy.map(\.event))
    events = Array(page.events.prefix(count))
    end = count == page.events.count ? page.through : events.last?.sequence ?? deliveredThrough
    batching = lagging.batching(events, through: end, rule: rule)
  }

  /// The rows that the round may serve, as they were read.
  var servedRows: [LaggingConnection] { lagging.due + batching }

  /// The event with that number, if it is one of the round's.
  func event(_ sequence: Int64) -> Event? { LogPage(events: events, through: end).event(sequence) }

  /// The stream once the round is complete and quiet, unless something was appended meanwhile.
  var readingAfter: StreamReading {
    StreamReading(head: LogHead(epoch: epoch, next: end + 1), lagging: lagging.served, milliseconds: milliseconds)
  }

  /// Whether only slow connections lag after the round, as far as it knows.
  func isQuiet(after result: RoundResult) -> Bool {
    result.lags.allSatisfy { $0.pace != .ready } && lagging.haveEnded(result)
  }
}
