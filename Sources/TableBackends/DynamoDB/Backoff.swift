import Telemetry

/// How long to wait before a call is made again: exponential with full jitter.
struct Backoff {
  /// Of a call that was throttled: it takes longer to go away than a broken connection.
  private static let throttledMilliseconds = 100
  private static let brokenMilliseconds = 25
  private static let longestMilliseconds = 5_000
  /// About half a minute of waiting on the average, a minute at most.
  static let attempts = 16

  static func milliseconds(afterAttempts made: Int, isThrottled: Bool, randomness: Randomness) -> Int64 {
    let base = isThrottled ? throttledMilliseconds : brokenMilliseconds
    return Int64(randomness.integer(in: 0...min(longestMilliseconds, base << min(made - 1, 16))))
  }
}
