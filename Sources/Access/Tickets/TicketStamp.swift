import Crypto
import Messaging

/// Stamps the ids of the events that are sent under a ticket, so that only who has read the stream can open it again: whoever
/// finds the ticket in a log of addresses has no id, and can make none.
///
///     1800000000000-9f2c.AQEC         the id of an event with the cursor
///     1800000000000-9f2c.AQEC.kD0…    the same, stamped: a dot and 16 characters more
package struct TicketStamp: Sendable {
  private let code: HMACSHA256

  /// Of the HMAC; base64url makes sixteen characters of them.
  private static let macBytes = 12
  /// How much longer an id gets.
  package static let addedBytes = 1 + macBytes / 3 * 4
  /// The longest id that is looked at: a cursor's bound and room for the rest.
  static let maximumBytes = 1_280

  init(secret: [UInt8]) { code = HMACSHA256(key: secret) }

  /// The id with its stamp.
  package func stamped(_ id: String) -> String { "\(id).\(mac(Array(id.utf8)[...]))" }

  /// Whether the id was stamped under this ticket; the time it takes tells nothing of the right stamp.
  func isStamped(_ id: String) -> Bool {
    guard let parts = Self.parts(id) else { return false }
    return ConstantTime.areEqual(Array(mac(parts.id).utf8), right: Array(parts.mac))
  }

  /// The id as it was before it was stamped; one without a stamp as it is. Of an id of two parts: the moment and the cursor.
  package static func unstamped(_ id: String) -> String {
    guard let parts = parts(id), parts.id.contains(UInt8(ascii: ".")) else { return id }
    return String(decoding: parts.id, as: UTF8.self)
  }

  private func mac(_ id: ArraySlice<UInt8>) -> String {
    Base64URL.encode(Array(code.code(of: Array(id)).bytes.prefix(Self.macBytes)))
  }

  private static func parts(_ id: String) -> (id: ArraySlice<UInt8>, mac: ArraySlice<UInt8>)? {
    let bytes = Array(id.utf8)
    guard (addedBytes + 1...maximumBytes).contains(bytes.count) else { return nil }
    let dot = bytes.count - addedBytes
    guard bytes[dot] == UInt8(ascii: ".") else { return nil }
    return (bytes[..<dot], bytes[(dot + 1)...])
  }
}
