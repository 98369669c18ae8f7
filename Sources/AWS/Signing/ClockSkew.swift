import Telemetry

/// How far the service's clock is from this machine's, learned from a call it refused. A signature counts for five
/// minutes around the service's own time.
package struct ClockSkew: Sendable, Equatable {
  /// To be added to this machine's time.
  package private(set) var seconds: Int64 = 0

  package init() {}

  /// What a service answers to a request whose time is too far from its own, and only then says so: the same names are
  /// also given to a wrong secret.
  private static let names = ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"]
  private static let phrases = ["Signature expired", "Signature not yet current"]
  /// Less than this is no reason to refuse a signature; then something else is wrong.
  private static let leastSeconds: Int64 = 60

  /// Takes the time from a refusal.
  ///
  /// - Parameters:
  ///   - date: the answer's `Date` header.
  ///   - said: its error type and body, in which the reason stands.
  ///   - signedAt: the time the refused request bore, skew included.
  ///   - now: this machine's time.
  /// - Returns: whether the same call signed again may succeed.
  package mutating func learn(status: Int, date: String?, said: String, signedAt: Int64, now: Int64) -> Bool {
    guard status == 400 || status == 401 || status == 403, (Self.names + Self.phrases).contains(where: said.holds),
      let serverSeconds = date.flatMap(HTTPDate.secondsSinceEpoch)
    else { return false }
    guard abs(serverSeconds - signedAt) >= Self.leastSeconds else { return false }
    seconds = serverSeconds - now
    return true
  }
}

/// The date of HTTP headers in its one current form (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  static func secondsSinceEpoch(_ text: String) -> Int64? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let day = Int64(parts[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(parts[2])), let year = Int64(parts[3]), (1970...9999).contains(year)
    else { return nil }
    let time = parts[4].split(separator: ":").compactMap { Int64($0) }
    guard time.count == 3 else { return nil }
    return CivilDay.daysSinceEpoch(year: year, month: Int64(month + 1), day: day) * 86_400 + time[0] * 3600
      + time[1] * 60 + time[2]
  }
}

/// Days of the proleptic Gregorian calendar.
package enum CivilDay {
  /// The day 1970-01-01 is 0.
  package static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}
