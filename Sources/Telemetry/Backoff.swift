/// How long to wait before a call is made again: exponential, with full jitter, so that many callers that failed at
/// the same moment do not come back at the same moment.
///
/// With a base of 100 ms the second attempt comes after 0 to 100 ms, the third after 0 to 200, the fourth after 0 to 400.
package struct Backoff: Sendable {
  package var baseMilliseconds: Int
  package var maximumMilliseconds: Int
  /// How often a call is made at most.
  package var attempts: Int

  package init(baseMilliseconds: Int = 100, maximumMilliseconds: Int = 5_000, attempts: Int) {
    self.baseMilliseconds = baseMilliseconds
    self.maximumMilliseconds = maximumMilliseconds
    self.attempts = attempts
  }

  /// Nil when the call has been made often enough. `afterAttempts` counts those made, at least 1.
  package func delayMilliseconds(afterAttempts made: Int, randomness: Randomness) -> Int64? {
    guard made < attempts else { return nil }
    let exponent = min(made - 1, 20)
    return Int64(randomness.integer(in: 0...min(maximumMilliseconds, baseMilliseconds << exponent)))
  }
}
