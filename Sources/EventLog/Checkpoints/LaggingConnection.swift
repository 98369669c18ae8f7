package import Messaging

/// Which sender serves a connection that lags.
package enum Pace: Sendable, Equatable {
  /// The next round.
  case ready
  /// The lag sender, when it is due.
  case slow
  /// The lag sender removes it: it has left.
  case gone
}

/// What is to be recorded of a connection that did not get everything of a round.
package struct Lag: Equatable, Sendable {
  package let id: ConnectionID
  /// The first event it lacks.
  package let from: Int64
  /// How often it was tried in vain since it had everything.
  package let failures: Int64
  package let pace: Pace
  /// The latest moment of its next attempt, in milliseconds since the epoch; nil, or past: its failures alone decide.
  package let dueByMilliseconds: Int64?
  /// The moment of its next attempt; nil: its failures decide.
  package let dueAtMilliseconds: Int64?
  /// Nil: it lacks what it could not be sent, and nothing else.
  package let withheld: Withheld?

  package init(
    id: ConnectionID, from: Int64, failures: Int64 = 0, pace: Pace = .ready, dueByMilliseconds: Int64? = nil,
    dueAtMilliseconds: Int64? = nil, withheld: Withheld? = nil
  ) {
    self.id = id
    self.from = from
    self.failures = failures
    self.pace = pace
    self.dueByMilliseconds = dueByMilliseconds
    self.dueAtMilliseconds = dueAtMilliseconds
    self.withheld = withheld
  }

  /// The connection takes what it is sent; more comes at a moment that is known.
  package var isPlanned: Bool { pace == .slow && failures == 0 && dueAtMilliseconds != nil }
}

/// A connection that lacks events of a stream, as its lag row says. The example is at `LagRows`.
package struct LaggingConnection: Equatable, Sendable {
  package let id: ConnectionID
  let epoch: String
  /// The first event it lacks.
  package let from: Int64
  /// How often it was tried in vain.
  package let failures: Int64
  /// When it is tried again, in milliseconds since the epoch.
  package let dueAtMilliseconds: Int64
  package let pace: Pace
  package let withheld: Withheld?
  let writer: String

  /// No round serves it.
  package var isSlow: Bool { pace != .ready }

  /// Whether its row counts in that log; a row that a delivery pause wrote before there was a log counts in whichever came.
  func isOf(_ epoch: String) -> Bool { self.epoch == epoch || self.epoch.isEmpty }
}
