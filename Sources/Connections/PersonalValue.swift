import Crypto
import Messaging
package import Telemetry

/// What is known to name a user, as it stands in a log.
extension Log.Value {
  /// A user as they are named, unless the name is an e-mail address or a telephone number: then a short hash of it, the
  /// same each time, so that the lines of one user are found together.
  ///
  ///     Log.Value.personal("u-1")               // u-1
  ///     Log.Value.personal("anna@example.com")  // sha256:…
  package static func personal(_ user: String?) -> Log.Value {
    guard let user else { return "none" }
    return .identifier(hidden(user))
  }

  /// A stream by its name; the user in that of a personal stream is `personal`.
  package static func stream(_ name: String) -> Log.Value {
    guard case .user(let user) = StreamName.audience(of: name) else { return .text(name) }
    return .identifier(StreamName.user(hidden(user)))
  }

  fileprivate static func hidden(_ user: String) -> String {
    let digits = user.utf8.count { (0x30...0x39).contains($0) }
    let isTelephone = digits >= 7 && user.utf8.allSatisfy { (0x30...0x39).contains($0) || " +-().".utf8.contains($0) }
    guard isTelephone || user.utf8.contains(UInt8(ascii: "@")) else { return user }
    return "sha256:\(SHA256.hash(Array(user.utf8)).hexadecimal.prefix(12))"
  }
}

extension LogText.StringInterpolation {
  /// A stream by its name, as `Log.Value.stream` has it.
  package mutating func appendInterpolation(stream name: String) {
    guard case .user(let user) = StreamName.audience(of: name) else { return appendInterpolation(name) }
    appendInterpolation(known: StreamName.user(Log.Value.hidden(user)))
  }
}
