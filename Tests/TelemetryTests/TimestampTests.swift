import Telemetry
import Testing

@Suite("Timestamps")
struct TimestampTests {
  /// From GNU date, `date -u -d @SECONDS`.
  private static let known: [(seconds: Int64, text: String)] = [
    (0, "1970-01-01T00:00:00"), (-1, "1969-12-31T23:59:59"), (951_782_399, "2000-02-28T23:59:59"),
    (951_782_400, "2000-02-29T00:00:00"), (951_868_800, "2000-03-01T00:00:00"), (978_307_199, "2000-12-31T23:59:59"),
    (1_709_164_800, "2024-02-29T00:00:00"), (1_740_787_200, "2025-03-01T00:00:00"),
    (1_767_349_801, "2026-01-02T10:30:01"), (1_795_176_000, "2026-11-20T12:00:00"),
    (4_107_542_399, "2100-02-28T23:59:59"), (4_107_542_400, "2100-03-01T00:00:00"),
    (-2_203_891_200, "1900-03-01T00:00:00"), (-2_203_891_201, "1900-02-28T23:59:59"),
    (-62_135_596_800, "0001-01-01T00:00:00"), (253_402_300_799, "9999-12-31T23:59:59"),
  ]

  @Test("known moments are written as RFC 3339", arguments: known)
  func rfc3339(seconds: Int64, text: String) {
    #expect(Timestamp.rfc3339(milliseconds: seconds * 1000) == text + ".000Z")
    #expect(Timestamp.rfc3339(milliseconds: seconds * 1000 + 7) == text + ".007Z")
    #expect(Timestamp.rfc3339(milliseconds: seconds * 1000 + 999) == text + ".999Z")
  }

  @Test("every day from 1890 to 2110 follows the day before it")
  func days() {
    var (year, month, day) = (1890, 1, 1)
    for number in -29_219..<51_500 {
      let moment = CivilTime(milliseconds: Int64(number) * 86_400_000)
      #expect((moment.year, moment.month, moment.day) == (year, month, day))
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      day += 1
      if day > lengths[month - 1] { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
  }

  @Test(
    "a moment that four digits cannot tell becomes the nearest that they can",
    arguments: [
      (Int64.max, "9999-12-31T23:59:59.999Z"), (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
      (Int64.min, "0000-01-01T00:00:00.000Z"), (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"),
    ])
  func bounds(milliseconds: Int64, text: String) {
    #expect(Timestamp.rfc3339(milliseconds: milliseconds) == text)
  }

  @Test("the calendar goes as far as 64 bits", arguments: [Int64.min, .min + 1, .max])
  func extremes(milliseconds: Int64) {
    let moment = CivilTime(milliseconds: milliseconds)
    #expect((1...12).contains(moment.month) && (1...31).contains(moment.day))
    #expect((0..<24).contains(moment.hour) && (0..<1000).contains(moment.millisecond))
  }

  @Test("API Gateway's request time names the month")
  func gatewayRequestTime() {
    #expect(Timestamp.gatewayRequestTime(milliseconds: 1_795_176_000_123) == "20/Nov/2026:12:00:00 +0000")
    #expect(Timestamp.gatewayRequestTime(milliseconds: 951_782_400_000) == "29/Feb/2000:00:00:00 +0000")
  }
}
