/// `%3A` and its like (RFC 3986 section 2.1) in URLs and in keys of the table, with capital hexadecimal digits.
package enum PercentEncoding {
  /// Encodes all but the unreserved characters (section 2.3).
  package static func append(_ part: String, to text: inout [UInt8]) {
    if part.utf8.allSatisfy(isUnreserved) { return text.append(contentsOf: part.utf8) }
    append(Array(part.utf8)[...], to: &text)
  }

  /// Encodes all but the unreserved characters. `leavesSlashes`: in a path a slash stands between segments; in a query
  /// it is data.
  package static func append(_ bytes: ArraySlice<UInt8>, leavesSlashes: Bool = false, to text: inout [UInt8]) {
    for byte in bytes {
      if isUnreserved(byte) || leavesSlashes && byte == UInt8(ascii: "/") {
        text.append(byte)
      } else {
        text.append(UInt8(ascii: "%"))
        text.append(digit(byte >> 4))
        text.append(digit(byte & 15))
      }
    }
  }

  package static func encode(_ text: String) -> String {
    if text.utf8.allSatisfy(isUnreserved) { return text }
    var bytes: [UInt8] = []
    append(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Nil if a percent sign is not followed by two hexadecimal digits, or the bytes are not UTF-8.
  package static func decode(_ text: Substring) -> String? {
    let (bytes, isClean) = decodedBytes(text, plusIsSpace: false)
    return isClean ? String(validating: bytes, as: UTF8.self) : nil
  }

  /// As browsers read it: a percent sign without two digits stays, bytes that are not UTF-8 become U+FFFD.
  package static func decodeLeniently(_ text: Substring, plusIsSpace: Bool = false) -> String {
    String(decoding: decodedBytes(text, plusIsSpace: plusIsSpace).bytes, as: UTF8.self)
  }

  /// What a `%` and two hexadecimal digits stand for; any other byte stands for itself. `isClean` tells that every
  /// percent sign had its two digits.
  package static func decodedBytes(_ text: Substring, plusIsSpace: Bool) -> (bytes: [UInt8], isClean: Bool) {
    let text = Array(text.utf8)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var isClean = true
    var offset = 0
    while offset < text.count {
      let byte = text[offset]
      if byte == UInt8(ascii: "%"), offset + 2 < text.count,
        let high = ASCII.hexadecimal(text[offset + 1]), let low = ASCII.hexadecimal(text[offset + 2])
      {
        bytes.append(UInt8(high << 4 | low))
        offset += 3
        continue
      }
      isClean = isClean && byte != UInt8(ascii: "%")
      bytes.append(byte == UInt8(ascii: "+") && plusIsSpace ? 0x20 : byte)
      offset += 1
    }
    return (bytes, isClean)
  }

  private static func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"):
      true
    default: false
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") - 10 + value
  }
}
