/// What the other side sent, whole.
package enum WebSocketMessage: Equatable, Sendable {
  /// Valid UTF-8.
  case text([UInt8])
  case binary([UInt8])
  /// Was answered with a pong already.
  case ping([UInt8])
  case pong([UInt8])
  /// The last message of a connection. Without a code the other side gave none (1005 where a number is needed).
  case close(code: UInt16?, reason: String)
}

/// The status codes of RFC 6455 section 7.4.1 that this package names.
package enum WebSocketCloseCode {
  package static let normal: UInt16 = 1000
  package static let goingAway: UInt16 = 1001
  package static let protocolError: UInt16 = 1002
  package static let unsupportedData: UInt16 = 1003
  /// Never on the wire: the close frame had no code.
  package static let noStatus: UInt16 = 1005
  /// Never on the wire: the connection ended without a close frame.
  package static let abnormal: UInt16 = 1006
  package static let invalidPayload: UInt16 = 1007
  package static let tooBig: UInt16 = 1009

  /// Whether a close frame may bear the code: those of the RFC and of IANA's registry, and 3000 to 4999.
  package static func isSendable(_ code: UInt16) -> Bool {
    switch code {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Why a session failed its connection. The close frame that says so is in the output already; what is left to do is
/// to write that and to close the socket (RFC 6455 section 7.1.7).
package struct WebSocketError: Error, Equatable, CustomStringConvertible {
  /// What the close frame bears: 1002, 1003, 1007 or 1009.
  package let closeCode: UInt16
  package let reason: String

  package var description: String { "WebSocket failed with \(closeCode): \(reason)" }

  static func violation(_ reason: String) -> WebSocketError {
    WebSocketError(closeCode: WebSocketCloseCode.protocolError, reason: reason)
  }

  static func invalidText(_ subject: String) -> WebSocketError {
    WebSocketError(closeCode: WebSocketCloseCode.invalidPayload, reason: "\(subject) is not UTF-8")
  }
}
