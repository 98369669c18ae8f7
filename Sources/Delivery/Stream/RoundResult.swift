import ConnectionStore
import Connections
import EventLog
import Messaging

/// What became of a round.
struct RoundResult {
  var counts = DeliveryCounts()
  /// The connections that lag after the round, with the first event they lack.
  var lags: [Lag] = []
  /// How many events others of their key stand for.
  var conflated = 0
  /// How many connections got everything, and how many events that was, counted for each.
  private(set) var connections = 0
  private(set) var events = 0
  /// How many frames there was no time for, connection by connection.
  private(set) var unsent: [ConnectionID: Int] = [:]
  /// Lag rows whose connections have everything now, or are gone.
  var served: [LaggingConnection] = []
  var ending = Outcome.complete
  /// What became of the alerts of level error.
  var alerts = AlertOutcomes()

  /// How far the round came.
  enum Outcome {
    /// Every listener was begun.
    case complete
    /// There was no time to read them all; the reading stopped here.
    case outOfTime(ListenerPosition)
    /// The sending ended before every listener was read, or every ready connection had a turn: the endpoint cannot be
    /// called, or the time was up before the next page was asked for. Nil: there were only connections that lag.
    case aborted(ListenerPosition?)
    /// The listeners could not be read.
    case failed(TableError)
    /// Another process has taken the lease.
    case leaseLost
  }

  var isComplete: Bool { if case .complete = ending { true } else { false } }

  mutating func begin(_ delivery: PendingDelivery) {
    connections += 1
    events += delivery.eventCount
    alerts.begin(delivery)
  }

  /// It did not get everything after all.
  mutating func discount(_ failure: DeliveryFailure) {
    if failure.isUnsent { unsent[failure.id, default: 0] += failure.undelivered }
    guard failure.delivery.eventCount > 0 else { return }
    connections -= 1
    events -= failure.delivery.eventCount
    alerts.discount(failure)
  }
}
