import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("How often streams are opened")
struct OpeningLimitTests {
  private let clock = SettableClock()

  private func limit(_ seed: UInt64 = 1) -> OpeningLimit {
    OpeningLimit(clock: clock.clock, randomness: Randomness { seed &* 0x9E37_79B9_7F4A_7C15 })
  }

  /// How many of so many, one each so many milliseconds, are within.
  private func within(
    _ limit: inout OpeningLimit, _ opener: OpeningLimit.Opener, count: Int, everyMilliseconds: Int64,
    isReconnect: Bool = false
  ) -> Int {
    (0..<count).count { _ in
      clock.advance(milliseconds: everyMilliseconds)
      return limit.acquire(opener, isReconnect: isReconnect) == .within
    }
  }

  @Test("who opens a hundred streams a second is kept out, and let in again a moment after it has stopped")
  func flood() {
    for (opener, most) in [(OpeningLimit.Opener.user("u-1"), 80), (.address("203.0.113.7"), 500)] {
      var limit = limit()
      let taken = within(&limit, opener, count: 1_000, everyMilliseconds: 10)
      #expect(taken <= most && taken >= 60, "\(opener): \(taken)")
      clock.advance(seconds: 10)
      #expect(limit.acquire(opener, isReconnect: false) == .within)
    }
  }

  @Test("ten streams of a user that end each five seconds come back for an hour, also after a hundred were opened")
  func slices() {
    var limit = limit()
    _ = within(&limit, .user("u-1"), count: 100, everyMilliseconds: 0)
    #expect(within(&limit, .user("u-1"), count: 7_200, everyMilliseconds: 500, isReconnect: true) == 7_200)
  }

  @Test("two hundred people of one office come in at once, and nobody for another")
  func office() {
    var limit = limit()
    #expect(within(&limit, .address("203.0.113.7"), count: 200, everyMilliseconds: 0) == 200)
    _ = within(&limit, .user("u-1"), count: 1_000, everyMilliseconds: 0)
    #expect(limit.acquire(.user("u-2"), isReconnect: false) == .within)
    #expect(limit.acquire(.address("203.0.113.7"), isReconnect: false) == .within)
  }

  @Test("when to come back is not the same for all")
  func jitter() {
    var waits: Set<Int64> = []
    for seed in 1...50 {
      var limit = limit(UInt64(seed))
      _ = within(&limit, .user("u-1"), count: 60, everyMilliseconds: 0)
      guard case .beyond(let seconds) = limit.acquire(.user("u-1"), isReconnect: false) else {
        Issue.record("within")
        continue
      }
      waits.insert(seconds)
      #expect((2...10).contains(seconds))
    }
    #expect(waits.count > 3)
  }

  @Test("the addresses of one IPv6 network are one client, and a million openers take no more memory than ten thousand")
  func bounded() {
    var limit = limit()
    #expect(within(&limit, .address("2001:db8::1"), count: 300, everyMilliseconds: 0) == 300)
    #expect(limit.acquire(.address("2001:db8::2"), isReconnect: false) != .within)
    for number in 0..<30_000 { #expect(limit.acquire(.user("u-\(number)"), isReconnect: false) == .within) }
    #expect(limit.remembered <= 10_000)
    clock.advance(seconds: 60)
    #expect(limit.acquire(.user("late"), isReconnect: false) == .within && limit.remembered == 1)
  }
}
