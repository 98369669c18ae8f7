package import Messaging

/// Where accepted events go before anything is sent.
package protocol EventLog {
  /// Appends events of one stream, in order, in one step that happens whole or not at all; answers what became of each, in
  /// the order given.
  ///
  /// When it throws, whether they were appended is not known: the publisher may send the same idempotency keys again.
  mutating func append(_ events: [Event], to stream: String) throws -> [AppendOutcome]
}

package enum AppendOutcome: Equatable, Sendable {
  /// It stands in the log and is to be sent. The sequence number is nil where no log is kept.
  case appended(sequence: Int64?)
  /// It was there before, with the same idempotency key: accepted, and not to be sent again.
  case known(sequence: Int64)
  /// Another event has its idempotency key.
  case refused(EventRefusal)
}

/// No log: events are sent to whoever listens now, and nobody can catch up.
package struct NoLog: EventLog {
  package init() {}

  package func append(_ events: [Event], to stream: String) -> [AppendOutcome] {
    events.map { _ in .appended(sequence: nil) }
  }
}
