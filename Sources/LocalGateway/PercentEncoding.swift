/// `%3A` and its like in URLs (RFC 3986 section 2.1).
enum PercentEncoding {
  /// Nil if a percent sign is not followed by two hexadecimal digits, or the bytes are not UTF-8.
  static func decode(_ text: Substring) -> String? {
    let (bytes, isClean) = bytes(text, plusIsSpace: false)
    return isClean ? String(validating: bytes, as: UTF8.self) : nil
  }

  /// As browsers read it: a percent sign without two digits stays, bytes that are not UTF-8 become U+FFFD.
  static func decodeLeniently(_ text: Substring, plusIsSpace: Bool) -> String {
    String(decoding: bytes(text, plusIsSpace: plusIsSpace).bytes, as: UTF8.self)
  }

  /// `isClean` tells that every percent sign had its two digits.
  private static func bytes(_ text: Substring, plusIsSpace: Bool) -> (bytes: [UInt8], isClean: Bool) {
    var bytes: [UInt8] = []
    var isClean = true
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "+"), plusIsSpace {
        bytes.append(0x20)
      } else if byte == UInt8(ascii: "%"), let value = hexadecimal(rest.prefix(2)) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        isClean = isClean && byte != UInt8(ascii: "%")
        bytes.append(byte)
      }
    }
    return (bytes, isClean)
  }

  private static func hexadecimal(_ digits: Substring.UTF8View.SubSequence) -> UInt8? {
    guard digits.count == 2 else { return nil }
    var value: UInt8 = 0
    for digit in digits {
      guard let number = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
      value = value << 4 | UInt8(number)
    }
    return value
  }
}
