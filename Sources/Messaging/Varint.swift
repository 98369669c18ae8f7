/// Whole numbers from 0 up in as few bytes as they need: seven bits a byte, the lowest first; the highest bit of a byte says that
/// more follow.
///
/// For example: 9 is the byte `09`, and 300 the two bytes `AC 02`.
package enum Varint {
  package static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// The number that begins at `offset`, which moves behind it. Nil if it does not end, has more than 63 bits, or has more
  /// bytes than it needs: one number, one spelling.
  package static func read(_ bytes: [UInt8], offset: inout Int) -> Int64? {
    var number: UInt64 = 0
    for shift in stride(from: 0, to: 63, by: 7) {
      guard offset < bytes.count else { return nil }
      let byte = bytes[offset]
      offset += 1
      number |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte & 0x80 == 0 { return byte == 0 && shift > 0 ? nil : Int64(number) }
    }
    return nil
  }
}
