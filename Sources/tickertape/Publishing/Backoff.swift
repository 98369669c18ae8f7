import Telemetry

/// Exponential backoff with full jitter: an even draw from nought to a bound that doubles with each attempt.
struct Backoff {
  let baseMilliseconds: Int
  let maximumMilliseconds: Int
  let randomness: Randomness

  /// `attempt` counts from 0.
  func delayMilliseconds(attempt: Int) -> Int64 {
    let bound = min(maximumMilliseconds, baseMilliseconds << min(attempt, 20))
    return Int64(randomness.integer(in: 0...bound))
  }
}
