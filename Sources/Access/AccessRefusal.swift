package import Telemetry

/// Why a caller may not come in.
package struct AccessRefusal: Equatable, Sendable {
  /// 401: there is no proof of who it is; 403: it is known and not allowed; 503: it cannot be told now; 400: what it
  /// asks for makes no sense, whoever it is.
  package let status: Int
  /// For the client. Of 401 and 403 the same whatever was wrong.
  package let message: String
  /// For the operator's log. Holds nothing secret.
  package let reason: LogText

  package init(status: Int, message: String, reason: LogText) {
    self.status = status
    self.message = message
    self.reason = reason
  }

  static func unproven(_ reason: LogText) -> AccessRefusal {
    AccessRefusal(status: 401, message: "a valid API key or token is required", reason: reason)
  }

  static func forbidden(_ reason: LogText) -> AccessRefusal {
    AccessRefusal(status: 403, message: "this connection is not allowed", reason: reason)
  }

  static func unavailable(_ reason: LogText) -> AccessRefusal {
    AccessRefusal(status: 503, message: "try again later", reason: reason)
  }

  /// Whether it says something of who asked; 503 does not.
  package var isOfTheClient: Bool { status < 500 }

  /// The status in words (RFC 9110, section 15).
  package var title: String {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 429: Self.tooManyTitle
    default: "Service Unavailable"
    }
  }

  package static let tooManyTitle = "Too Many Requests"
  package static let tooManyAttempts = "too many attempts to connect; try again in a minute"
}
