/// Where a signer has its credentials from. Asked before every request, it fetches only when it has to.
package protocol CredentialSource: AnyObject {
  /// Credentials that are good now.
  func credentials() throws(CredentialError) -> Credentials

  /// A service has refused these as expired or unknown: they are looked for anew, if it is these that are kept.
  func discard(_ credentials: Credentials)
}

/// Credentials that are given, and stay.
package final class FixedCredentials: CredentialSource {
  private let fixed: Credentials

  package init(_ credentials: Credentials) { fixed = credentials }

  package func credentials() throws(CredentialError) -> Credentials { fixed }
  package func discard(_ credentials: Credentials) {}
}

/// No credentials were found: every place that was tried, and why it gave none.
package struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
  package struct Attempt: Equatable, Sendable {
    /// `the environment`, `the profile default in /home/u/.aws/credentials`
    package let location: String
    package let reason: String

    package init(location: String, reason: String) {
      self.location = location
      self.reason = reason
    }
  }

  package let attempts: [Attempt]

  package init(_ attempts: [Attempt]) { self.attempts = attempts }

  package var description: String {
    // Not "credentials: …" and "….aws/credentials: …", which a log would take for a secret and mask.
    "no AWS credentials are found; "
      + attempts.map { "\($0.location) gives none (\($0.reason))" }.joined(separator: "; ")
  }
}
