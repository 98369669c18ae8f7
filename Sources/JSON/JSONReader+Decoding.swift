extension JSONReader {
  mutating func decodedString() throws(JSONError) -> String {
    let (content, hasEscapes) = try scanString()
    // Checked by the scan: `decoding` has nothing to repair.
    if !hasEscapes { return String(decoding: bytes[content], as: UTF8.self) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(content.count)
    var position = content.lowerBound
    while position < content.upperBound {
      let byte = bytes[position]
      guard byte == UInt8(ascii: "\\") else {
        decoded.append(byte)
        position += 1
        continue
      }
      position += try decodeEscape(at: position, before: content.upperBound, into: &decoded)
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  /// Appends the character of the escape at `place`; returns the bytes it is written in.
  func decodeEscape(
    at position: Int, before end: Int, into decoded: inout [UInt8]
  ) throws(JSONError) -> Int {
    switch bytes[position + 1] {
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"): return try decodeUnicodeEscape(at: position, before: end, into: &decoded)
    case let byte: decoded.append(byte)
    }
    return 2
  }

  func decodeUnicodeEscape(
    at position: Int, before end: Int, into decoded: inout [UInt8]
  ) throws(JSONError) -> Int {
    guard let unit = hexadecimal(at: position + 2) else { throw JSONError(.invalidEscape, offset: position) }
    if let scalar = Unicode.Scalar(unit) {
      decoded.append(contentsOf: Unicode.UTF8.encode(scalar)!)
      return 6
    }
    guard UTF16.isLeadSurrogate(unit), position + 12 <= end, bytes[position + 6] == UInt8(ascii: "\\"),
      bytes[position + 7] == UInt8(ascii: "u"), let low = hexadecimal(at: position + 8), UTF16.isTrailSurrogate(low),
      let scalar = Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10 | UInt32(low - 0xDC00)))
    else { throw JSONError(.loneSurrogate, offset: position) }
    decoded.append(contentsOf: Unicode.UTF8.encode(scalar)!)
    return 12
  }
}
