package import Messaging

/// What became of an event that was to be appended.
package enum AppendOutcome: Equatable, Sendable {
  /// It stands in the log, now, and is to be sent.
  case appended(sequence: Int64)
  /// It stands in the log, now, although the key made for its message belongs to an event of other content: two
  /// messages bear one name.
  case appendedDespiteKey(sequence: Int64)
  /// It was there before, with the same idempotency key: accepted, and not appended again.
  case known(sequence: Int64)
  /// Another event has the idempotency key that its publisher gave it.
  case refused(EventRefusal)
}
