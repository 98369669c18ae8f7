/// By what the log lines of one connection are found together: what its client named it in the header `X-Correlation-ID`
/// of the handshake, or what `$connect` made.
package struct CorrelationID: Equatable, Sendable {
  package let text: String

  /// The header of the handshake, in any case.
  package static let header = "X-Correlation-ID"
  package static let maximumBytes = 128

  /// Nil for what is no word of 1 to 128 visible ASCII characters.
  package init?(_ text: String) {
    guard (1...Self.maximumBytes).contains(text.utf8.count), text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      return nil
    }
    self.text = text
  }

  /// One that names nothing else: 32 hexadecimal digits of 128 random bits, as a trace id has.
  package init(_ bits: (UInt64, UInt64)) { text = Self.digits(bits.0) + Self.digits(bits.1) }

  private static func digits(_ bits: UInt64) -> String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }

  /// Whether it is a UUID or 32 hexadecimal digits: nothing that Masking has to look at, for it names nobody, while a part
  /// of it may look like a telephone number.
  package var isMachineMade: Bool {
    let bytes = Array(text.utf8)
    switch bytes.count {
    case 32: return bytes.allSatisfy(Self.isHexadecimal)
    case 36:
      return bytes.indices.allSatisfy { index in
        [8, 13, 18, 23].contains(index) ? bytes[index] == UInt8(ascii: "-") : Self.isHexadecimal(bytes[index])
      }
    default: return false
    }
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "0") < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 6
  }
}
