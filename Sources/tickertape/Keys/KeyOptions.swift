import Access
import Messaging

/// What `keys create` was asked for.
struct KeyOptions: Equatable {
  let principal: Principal
  let label: String
  let expiry: Expiry

  enum Expiry: Equatable {
    case never
    case seconds(Int64)
    /// Seconds since the epoch.
    case at(Int64)
  }

  init(_ arguments: Arguments) throws(CommandFailure) {
    guard let user = arguments.value("user") else {
      throw CommandFailure(
        code: .usage, message: "keys create needs --user USER: whose connections the key opens",
        advice: ["for example: \(KeysCommand.syntax.examples[0])"])
    }
    guard Name.isUser(user) else {
      throw CommandFailure(code: .usage, message: "--user takes 1 to \(Limit.userBytes) bytes \(Name.rule)")
    }
    let token = arguments.value("role") ?? Role.viewer.rawValue
    guard let role = Role(rawValue: token) else {
      let roles = Role.allCases.map(\.rawValue)
      throw CommandFailure(
        code: .usage,
        message:
          "--role takes \(roles.joined(separator: ", ")), not '\(token)'\(Suggestion.phrase(for: token, among: roles))")
    }
    let groups = arguments.list("group")
    guard groups.count <= Limit.groups, groups.allSatisfy(Name.isGroup) else {
      throw CommandFailure(
        code: .usage,
        message: "--group takes at most \(Limit.groups) groups of 1 to \(Limit.groupBytes) bytes \(Name.rule)")
    }
    principal = Principal(user: user, role: role, groups: groups)
    label = arguments.value("label") ?? ""
    guard label.utf8.count <= KeyGrant.labelBytes, Name.holdsNoControls(label) else {
      throw CommandFailure(code: .usage, message: "--label takes at most \(KeyGrant.labelBytes) bytes \(Name.rule)")
    }
    expiry = try Self.expiry(arguments.value("expires") ?? "never")
  }

  func grant(secondsSinceEpoch now: Int64) throws(CommandFailure) -> KeyGrant {
    let expires: Int64?
    switch expiry {
    case .never: expires = nil
    case .seconds(let seconds): expires = now + seconds
    case .at(let moment):
      guard moment > now else { throw CommandFailure(code: .usage, message: "--expires names a day that has passed") }
      expires = moment
    }
    return KeyGrant(principal: principal, expires: expires, label: label)
  }

  // MARK: Moments

  private static func expiry(_ text: String) throws(CommandFailure) -> Expiry {
    if text == "never" { return .never }
    if let unit = text.last, let factor = seconds(of: unit), let count = Int64(text.dropLast()),
      (1...100_000).contains(count)
    {
      return .seconds(count * factor)
    }
    if let end = endOfDay(text) { return .at(end) }
    throw CommandFailure(
      code: .usage,
      message: "--expires takes a time such as 90d, 12h or 30m, a day such as 2027-01-31, or never, not '\(text)'")
  }

  private static func seconds(of unit: Character) -> Int64? {
    switch unit {
    case "d": 86_400
    case "h": 3_600
    case "m": 60
    default: nil
    }
  }

  /// The first second after that day, in UTC.
  private static func endOfDay(_ text: String) -> Int64? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2, parts[2].utf8.count == 2,
      let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]), year >= 1970,
      (1...12).contains(month), (1...daysOfMonth(month, year: year)).contains(day)
    else { return nil }
    // Years begin with March, so that the leap day is the last of its year.
    let shifted = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    return (days + 1) * 86_400
  }

  private static func daysOfMonth(_ month: Int64, year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
