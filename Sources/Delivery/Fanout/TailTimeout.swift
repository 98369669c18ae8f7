/// How long a fan-out waits for its last answers: a multiple of what nine of ten answers took in this very fan-out, within
/// bounds.
///
/// With 20 deliveries of which 19 answer within 2 ms, the last one is waited for 20 ms (the least), where answers take 30 ms
/// 120 ms, and never longer than 300 ms.
package struct TailTimeout: Sendable {
  package var multiple: Int64 = 4
  package var leastMilliseconds: Int64 = 20
  package var mostMilliseconds: Int64 = 300

  package init() {}

  /// The most, where no answer has come yet.
  func milliseconds(_ times: AnswerTimes) -> Int64 {
    guard let usual = times.ninthTenthMilliseconds else { return mostMilliseconds }
    return max(leastMilliseconds, min(mostMilliseconds, multiple * usual))
  }
}

/// How long answers took, as counts of whole milliseconds; what took longer than half a second counts as that.
struct AnswerTimes {
  private var counts = [Int32](repeating: 0, count: Self.longest + 1)
  private(set) var count = 0

  private static let longest = 500

  mutating func record(_ milliseconds: Int64) {
    counts[Int(min(max(0, milliseconds), Int64(Self.longest)))] += 1
    count += 1
  }

  /// Nine of ten answers took so long at most; nil: there are none.
  var ninthTenthMilliseconds: Int64? {
    var rest = (count * 9 + 9) / 10
    guard rest > 0 else { return nil }
    for (milliseconds, number) in counts.enumerated() {
      rest -= Int(number)
      if rest <= 0 { return Int64(milliseconds) }
    }
    return Int64(Self.longest)
  }
}
