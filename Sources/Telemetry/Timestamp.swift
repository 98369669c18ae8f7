/// A moment as text, without Foundation. Years are written with four digits: a moment before the year 0 or after 9999
/// is written as the first or the last one of these.
package enum Timestamp {
  private static let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999

  private static func civilTime(_ milliseconds: Int64) -> CivilTime {
    CivilTime(milliseconds: min(max(milliseconds, writable.lowerBound), writable.upperBound))
  }

  /// RFC 3339 in UTC with milliseconds: `2026-01-02T10:30:01.000Z`.
  package static func rfc3339(milliseconds: Int64) -> String {
    let moment = civilTime(milliseconds)
    var text: [UInt8] = []
    text.reserveCapacity(24)
    append(moment.year, digits: 4, to: &text)
    for (separator, value) in [("-", moment.month), ("-", moment.day), ("T", moment.hour), (":", moment.minute)] {
      text.append(contentsOf: separator.utf8)
      append(value, digits: 2, to: &text)
    }
    text.append(UInt8(ascii: ":"))
    append(moment.second, digits: 2, to: &text)
    text.append(UInt8(ascii: "."))
    append(moment.millisecond, digits: 3, to: &text)
    text.append(UInt8(ascii: "Z"))
    return String(decoding: text, as: UTF8.self)
  }

  /// As API Gateway writes `requestTime`: `20/Nov/2026:12:00:00 +0000`.
  package static func gatewayRequestTime(milliseconds: Int64) -> String {
    let moment = civilTime(milliseconds)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    var text: [UInt8] = []
    append(moment.day, digits: 2, to: &text)
    text.append(contentsOf: "/\(months[moment.month - 1])/".utf8)
    append(moment.year, digits: 4, to: &text)
    for value in [moment.hour, moment.minute, moment.second] {
      text.append(UInt8(ascii: ":"))
      append(value, digits: 2, to: &text)
    }
    text.append(contentsOf: " +0000".utf8)
    return String(decoding: text, as: UTF8.self)
  }

  private static func append(_ value: Int, digits: Int, to text: inout [UInt8]) {
    var divisor = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }
}

/// The fields of a moment in UTC, in the proleptic Gregorian calendar.
package struct CivilTime: Sendable {
  package let year: Int
  /// 1 to 12.
  package let month: Int
  /// 1 to 31.
  package let day: Int
  package let hour: Int
  package let minute: Int
  package let second: Int
  package let millisecond: Int

  /// From milliseconds since the epoch.
  package init(milliseconds: Int64) {
    let day = Self.floorDivide(milliseconds, divisor: 86_400_000)
    let remainder = Int(milliseconds % 86_400_000)
    let rest = remainder < 0 ? remainder + 86_400_000 : remainder
    hour = rest / 3_600_000
    minute = rest / 60_000 % 60
    second = rest / 1000 % 60
    millisecond = rest % 1000
    // Days are counted from 0000-03-01, so that the leap day is the last of its year.
    let shifted = day + 719_468
    let era = Self.floorDivide(shifted, divisor: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    self.day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
    year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
  }

  private static func floorDivide(_ value: Int64, divisor: Int64) -> Int64 {
    value / divisor - (value % divisor < 0 ? 1 : 0)
  }
}
