package import Telemetry

/// A request or a connection that did not come about: what was tried, at which host, and what libcurl said.
///
/// Names no path and no query: they may hold tokens.
package struct HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible, LogTextConvertible {
  package enum Kind: Sendable {
    /// The URL, method or a header cannot be sent as it is; nothing was sent.
    case invalidRequest
    case nameNotResolved
    case notConnected
    case timedOut
    /// The handshake failed or the certificate was refused.
    case tls
    /// The other side closed or broke the connection.
    case closed
    case answerTooLarge
    case other
  }

  package let kind: Kind
  /// libcurl's number (`CURLcode`), 0 where libcurl was not asked.
  package let code: Int
  /// What was being done: `POST`, `connect`, `send`.
  package let tried: String
  /// Where: `https://example.com:443`, or the text that was given for a URL if it is none.
  package let host: String
  package let message: String

  package init(_ kind: Kind, code: Int = 0, tried: String, host: String, message: String) {
    self.kind = kind
    self.code = code
    self.tried = tried
    self.host = host
    self.message = message
  }

  package var description: String {
    "\(tried) \(host): \(message)\(code == 0 ? "" : " (libcurl \(code))")"
  }

  /// What is no URL may be anything, a password too.
  package var logText: LogText {
    let shownHost = kind == .invalidRequest ? LogText(masking: host) : LogText(known: host)
    let number: LogText = code == 0 ? "" : " (libcurl \(code))"
    return "\(known: tried) \(shownHost): \(message)\(number)"
  }
}
