/// How often a connection may change something: so many times a second for long, and more for a moment.
package struct FrameLimit: Equatable, Sendable {
  /// 0: as often as it likes.
  package var perSecond: Int64 = 10
  package var burst: Int64 = 20

  package init() {}
}

/// A token bucket that needs one number: when it will be full again, were nothing taken any more.
struct TokenBucket: Equatable {
  /// Milliseconds since the epoch.
  var fullAtMilliseconds: Int64 = 0

  /// Takes a token. False: there is none.
  mutating func take(_ limit: FrameLimit, nowMilliseconds now: Int64) -> Bool {
    guard limit.perSecond > 0 else { return true }
    let interval = 1_000 / limit.perSecond
    guard fullAtMilliseconds - now <= (limit.burst - 1) * interval else { return false }
    fullAtMilliseconds = max(fullAtMilliseconds, now) + interval
    return true
  }
}
