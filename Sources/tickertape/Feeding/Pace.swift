/// When the next batch is due, so that events go out at an even rate.
///
/// A source that cannot keep up does not make up for lost time in a burst of more than a second's worth.
struct Pace {
  /// Events a second; nil is as fast as they are taken.
  let rate: Double?
  private var base: Int64
  private var sent = 0

  init(rate: Double?, now: Int64) {
    self.rate = rate
    base = now
  }

  /// Milliseconds from `now` (of a clock that never goes back) until the next event is due.
  mutating func delayMilliseconds(now: Int64) -> Int64 {
    guard let rate else { return 0 }
    let due = base + Int64(Double(sent) * 1000 / rate)
    if now - due > 1000 {
      base = now
      sent = 0
    }
    return max(0, due - now)
  }

  mutating func record(sent count: Int) { sent += count }

  /// About ten batches a second, of at most 100 events.
  static func batchSize(rate: Double?) -> Int {
    guard let rate else { return 100 }
    return Int(max(1, min(100, rate / 10)))
  }
}
