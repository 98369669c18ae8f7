import Crypto

/// Several parts as one text that no other parts make.
///
///     KeyText.joined(["orders", "a/b", "c"], maximumBytes: 256)   // orders/a%2Fb/c
enum KeyText {
  /// A text that would be longer keeps its first part, if that fits, and the hash of the whole stands for the rest:
  /// `orders/%sha256:9f86…`. No escape begins with `%s`.
  static func joined(_ parts: [String], maximumBytes: Int) -> String {
    let escaped = parts.map(escaped)
    let text = escaped.joined(separator: "/")
    guard text.utf8.count > maximumBytes, let first = escaped.first else { return text }
    let hash = "%sha256:\(SHA256.hash(Array(text.utf8)).hexadecimal)"
    return first.utf8.count + 1 + hash.utf8.count <= maximumBytes ? "\(first)/\(hash)" : hash
  }

  /// What parts the parts, and what would not be seen or might not be taken in a key.
  private static func escaped(_ part: String) -> String {
    if part.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "%") }) {
      return part
    }
    var text: [UInt8] = []
    for scalar in part.unicodeScalars {
      let bytes = Array(String(Character(scalar)).utf8)
      if isPlain(scalar) { text += bytes } else { for byte in bytes { append(byte, to: &text) } }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: scalar != "/" && scalar != "%"
    }
  }

  private static func append(_ byte: UInt8, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "%"))
    for digit in [byte >> 4, byte & 15] {
      text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") - 10 + digit)
    }
  }
}
