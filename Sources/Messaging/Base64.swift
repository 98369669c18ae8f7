/// RFC 4648, section 4.
package enum Base64 {
  private static let alphabet = Base64Alphabet(plus: "+", slash: "/")

  /// With padding.
  package static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    append(bytes, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// With padding.
  package static func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    alphabet.append(bytes, to: &text)
    for _ in 0..<(3 - bytes.count % 3) % 3 { text.append(UInt8(ascii: "=")) }
  }

  /// Nil unless `text` is whole groups of four with the padding they need.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    let count = text.count
    guard count % 4 == 0 else { return nil }
    let digits = text.prefix { $0 != UInt8(ascii: "=") }
    let padding = count - digits.count
    guard padding <= 2, text.dropFirst(digits.count).allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
    return alphabet.decode(digits)?.bytes
  }
}

/// RFC 4648, section 5, without padding.
package enum Base64URL {
  private static let alphabet = Base64Alphabet(plus: "-", slash: "_")

  package static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    alphabet.append(bytes, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// Nil for other characters, padding, a length that cannot be, and bits that are not zero after the last byte: each
  /// sequence of bytes has one text.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard let (bytes, rest) = alphabet.decode(text), rest == 0 else { return nil }
    return bytes
  }
}

/// The 64 digits, of which RFC 4648 gives the last two in two ways.
private struct Base64Alphabet {
  private let digits: [UInt8]
  private let plus: UInt8
  private let slash: UInt8

  init(plus: Unicode.Scalar, slash: Unicode.Scalar) {
    self.plus = UInt8(ascii: plus)
    self.slash = UInt8(ascii: slash)
    digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8) + [self.plus, self.slash]
  }

  func append(_ bytes: [UInt8], to text: inout [UInt8]) {
    text.reserveCapacity(text.count + (bytes.count + 2) / 3 * 4)
    let whole = bytes.count - bytes.count % 3
    for start in stride(from: 0, to: whole, by: 3) {
      let group = UInt32(bytes[start]) << 16 | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2])
      text.append(digits[Int(group >> 18 & 63)])
      text.append(digits[Int(group >> 12 & 63)])
      text.append(digits[Int(group >> 6 & 63)])
      text.append(digits[Int(group & 63)])
    }
    guard whole < bytes.count else { return }
    let hasTwo = bytes.count - whole == 2
    let group = UInt32(bytes[whole]) << 16 | (hasTwo ? UInt32(bytes[whole + 1]) << 8 : 0)
    text.append(digits[Int(group >> 18 & 63)])
    text.append(digits[Int(group >> 12 & 63)])
    if hasTwo { text.append(digits[Int(group >> 6 & 63)]) }
  }

  /// The bytes, with the bits that are left over after the last one. Nil for another character, and for a length that
  /// cannot be.
  func decode(_ text: some Collection<UInt8>) -> (bytes: [UInt8], rest: UInt32)? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var group: UInt32 = 0
    var bits: UInt32 = 0
    for digit in text {
      guard let value = value(of: digit) else { return nil }
      group = group << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return bits < 6 ? (bytes, group & (1 << bits - 1)) : nil
  }

  private func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case plus: 62
    case slash: 63
    default: nil
    }
  }
}
