import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging

/// One pass over the listeners of a stream, with the events that stand in its log after those that were sent.
struct Round {
  let stream: String
  let epoch: String
  /// In order, dense.
  let events: [LoggedEvent]
  /// Connections that lack earlier events, are ready, and whose turn it is: they get everything from there on instead of
  /// what the others get.
  let behind: [LaggingConnection]
  /// These and the others that lag: they get nothing of what the others get.
  let isLate: Set<ConnectionID>

  /// The sequence number of the last event.
  let end: Int64

  /// As many of the events as fit one pass.
  init(
    stream: String, epoch: String, page: LogPage, deliveredThrough: Int64, behind: [LaggingConnection],
    isLate: Set<ConnectionID>
  ) {
    self.stream = stream
    self.epoch = epoch
    self.behind = behind
    self.isLate = isLate
    let count = EventRun.fitting(page.events.lazy.map(\.event))
    events = Array(page.events.prefix(count))
    end = count == page.events.count ? page.through : events.last?.sequence ?? deliveredThrough
  }

  /// The event with that number, if it is one of the round's.
  func event(_ sequence: Int64) -> Event? { LogPage(events: events, through: end).event(sequence) }

  /// Where a client stands that has everything of this stream up to an event.
  func cursor(through sequence: Int64) -> Cursor {
    var cursor = Cursor()
    cursor.set(stream: stream, epoch: epoch, to: sequence)
    return cursor
  }

  /// What became of a round.
  struct Result {
    var tally = DeliveryCounts()
    /// The connections that lack something, with the first event they lack.
    var missing: [Missing] = []
    /// How many events others of their key stand for.
    var folded = 0
    /// How many connections got everything, and how many events that was, counted for each.
    private(set) var connections = 0
    private(set) var events = 0
    /// Behind rows whose connections have everything now, or are gone.
    var served: [LaggingConnection] = []
    /// Where the reading of the listeners stopped, if there was no time to read them all.
    var cut: ListenerPosition?
    /// Why the listeners could not be read.
    var failure: TableError?
    /// Another took the lease.
    var isLeaseLost = false
    /// The sending ended before every listener was read, or everybody who is behind had a turn: the endpoint cannot be
    /// called, or the time was up before the next page was asked for.
    var isBrokenOff = false

    mutating func begin(_ listener: PendingDelivery) {
      connections += 1
      events += listener.eventCount
    }

    /// It did not get everything after all.
    mutating func leave(_ listener: PendingDelivery) {
      guard listener.eventCount > 0 else { return }
      connections -= 1
      events -= listener.eventCount
    }
  }

  /// Events of high priority, and alarms about errors, are not held back and not folded.
  static func isUrgent(_ event: Event) -> Bool {
    event.priority == .high || event.type == "alert:new" && AlertLevel.isError(event.data)
  }

  /// What is sent of `events`, with the place of each in its stream.
  static func shaped(_ events: [LoggedEvent]) -> (events: [Event], placements: [Placement]) {
    let kept = Conflation.fold(events.map(\.event), isNeverFolded: isUrgent)
    return (
      kept.map { events[$0.place].event },
      kept.map {
        Placement(
          sequence: events[$0.place].sequence, folded: $0.count, first: events[$0.first].sequence,
          group: $0.group)
      }
    )
  }
}
