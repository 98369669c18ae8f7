import Telemetry
import Testing

@Suite("The pause before another attempt")
struct BackoffTests {
  /// Draws the longest always.
  private let longest = Randomness { .max }

  @Test("is drawn from a range that doubles up to a bound")
  func doubles() {
    let backoff = Backoff(baseMilliseconds: 500, maximumMilliseconds: 30_000, attempts: .max)
    let delays = (1...8).map { backoff.delayMilliseconds(afterAttempts: $0, randomness: longest) }
    #expect(delays == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    #expect(backoff.delayMilliseconds(afterAttempts: 1_000_000, randomness: longest) == 30_000)
  }

  @Test("stays within the range, whatever is drawn")
  func range() {
    let backoff = Backoff(baseMilliseconds: 100, maximumMilliseconds: 100, attempts: 100)
    for made in 1..<100 {
      let delay = backoff.delayMilliseconds(afterAttempts: made, randomness: .system)
      #expect(delay.map { (0...100).contains($0) } == true)
    }
  }

  @Test("is none when the call was made often enough")
  func attempts() {
    let backoff = Backoff(attempts: 3)
    #expect(
      (1...5).map { backoff.delayMilliseconds(afterAttempts: $0, randomness: longest) } == [100, 200, nil, nil, nil])
  }
}
