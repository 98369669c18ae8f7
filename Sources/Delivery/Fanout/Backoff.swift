import Telemetry

/// How long to wait before a call is made again: exponential, with full jitter, so that many callers that failed at
/// the same moment do not come back at the same moment.
package struct Backoff: Sendable {
  package var baseMilliseconds = 100
  package var maximumMilliseconds = 5_000
  /// How often a call is made at most.
  package var attempts = 6

  package init() {}

  /// Nil when the call has been made often enough. `attempts` counts those made, at least 1.
  func delayMilliseconds(afterAttempts made: Int, randomness: Randomness) -> Int64? {
    guard made < attempts else { return nil }
    let exponent = min(made - 1, 20)
    return Int64(randomness.integer(in: 0...min(maximumMilliseconds, baseMilliseconds << exponent)))
  }
}
