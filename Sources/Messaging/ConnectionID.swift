/// The name API Gateway gives a WebSocket connection: about 16 characters that look like base64 and end with `=`.
public struct ConnectionID: Hashable, Sendable, CustomStringConvertible {
  /// The name as API Gateway writes it.
  public let text: String

  /// Nil unless `text` is 1 to 128 bytes of letters, digits, `-`, `_` and `=`: a name with `/` or `..` in it would
  /// reach another path of the management API.
  public init?(_ text: String) {
    guard (1...128).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else { return nil }
    self.text = text
  }

  /// The name.
  public var description: String { text }

  /// Base64url with its padding.
  package static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "="):
      true
    default: false
    }
  }
}
