/// Well-formed UTF-8 byte sequences (Unicode 15, table 3-7; RFC 3629 section 4).
package enum UTF8Sequence {
  /// The length in bytes of the sequence that starts at `place`, or 0 if it is not well formed before `limit`.
  package static func length(in bytes: [UInt8], at position: Int, limit: Int) -> Int {
    let first = bytes[position]
    switch first {
    case 0x00...0x7F: return 1
    case 0xC2...0xDF: return continues(bytes, position: position, limit: limit, count: 1) ? 2 : 0
    case 0xE0...0xEF:
      guard continues(bytes, position: position, limit: limit, count: 2) else { return 0 }
      // No overlong forms, no surrogates.
      if first == 0xE0, bytes[position + 1] < 0xA0 { return 0 }
      if first == 0xED, bytes[position + 1] > 0x9F { return 0 }
      return 3
    case 0xF0...0xF4:
      guard continues(bytes, position: position, limit: limit, count: 3) else { return 0 }
      if first == 0xF0, bytes[position + 1] < 0x90 { return 0 }
      if first == 0xF4, bytes[position + 1] > 0x8F { return 0 }
      return 4
    default: return 0
    }
  }

  /// Whether all of `bytes` is well formed.
  package static func isValid(_ bytes: [UInt8]) -> Bool {
    var position = 0
    while position < bytes.count {
      let length = length(in: bytes, at: position, limit: bytes.count)
      if length == 0 { return false }
      position += length
    }
    return true
  }

  private static func continues(_ bytes: [UInt8], position: Int, limit: Int, count: Int) -> Bool {
    guard position + count < limit else { return false }
    for offset in 1...count where bytes[position + offset] & 0xC0 != 0x80 { return false }
    return true
  }
}
