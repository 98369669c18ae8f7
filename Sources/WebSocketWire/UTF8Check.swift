/// Checks UTF-8 (RFC 3629) in pieces: says "invalid" at the first byte that no continuation could mend.
package struct UTF8Check {
  /// Continuation bytes that the current character still needs.
  private var missing: UInt8 = 0
  /// What the next continuation byte may be; narrower than 80...BF only after E0, ED, F0 and F4.
  private var lowest: UInt8 = 0x80
  private var highest: UInt8 = 0xBF

  package init() {}

  /// True between characters.
  package var isComplete: Bool { missing == 0 }

  /// Reads on; false if the bytes so far cannot begin a valid text.
  package mutating func accept(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while offset < bytes.count {
      if missing == 0, offset + 8 <= bytes.count,
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
      {
        offset += 8
        continue
      }
      guard accept(bytes[offset]) else { return false }
      offset += 1
    }
    return true
  }

  package static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var check = UTF8Check()
    return check.accept(bytes) && check.isComplete
  }

  private mutating func accept(_ byte: UInt8) -> Bool {
    if missing > 0 {
      guard lowest...highest ~= byte else { return false }
      (lowest, highest) = (0x80, 0xBF)
      missing -= 1
      return true
    }
    switch byte {
    case 0..<0x80: return true
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, lowest) = (2, 0xA0)
    case 0xED: (missing, highest) = (2, 0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: (missing, lowest) = (3, 0x90)
    case 0xF1...0xF3: missing = 3
    case 0xF4: (missing, highest) = (3, 0x8F)
    default: return false
    }
    return true
  }
}
