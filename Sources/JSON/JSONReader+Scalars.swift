extension JSONReader {
  mutating func expect(_ kind: JSONKind, expected: String) throws(JSONError) {
    let found = try peek()
    guard found == kind else { throw JSONError(.wrongKind(expected: expected, found: found), offset: index) }
  }

  mutating func numberStart() throws(JSONError) -> Int {
    try expect(.number, expected: "a number")
    return index
  }

  mutating func scanKeyword(_ keyword: StaticString) throws(JSONError) {
    for position in 0..<keyword.utf8CodeUnitCount {
      guard index < limit else { throw JSONError(.unexpectedEnd, offset: index) }
      guard bytes[index] == keyword.utf8Start[position] else {
        throw JSONError(.unexpectedByte(bytes[index], expected: "\(keyword)"), offset: index)
      }
      index += 1
    }
  }

  /// RFC 8259 section 6: an optional minus, an integer without leading zeros, fraction and exponent with digits.
  mutating func scanNumber() throws(JSONError) -> Range<Int> {
    let start = index
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    guard index < limit else { throw JSONError(.unexpectedEnd, offset: index) }
    if bytes[index] == UInt8(ascii: "0") {
      index += 1
    } else {
      try scanDigits(from: start)
    }
    if index < limit, bytes[index] == UInt8(ascii: ".") {
      index += 1
      try scanDigits(from: start)
    }
    if index < limit, bytes[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < limit, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
      try scanDigits(from: start)
    }
    // `012` and `1.2.3` would otherwise be told as "',' expected".
    if index < limit, isDigit(bytes[index]) || bytes[index] == UInt8(ascii: ".") {
      throw JSONError(.invalidNumber, offset: start)
    }
    return start..<index
  }

  mutating func scanDigits(from start: Int) throws(JSONError) {
    let first = index
    while index < limit, isDigit(bytes[index]) { index += 1 }
    guard index > first else { throw JSONError(.invalidNumber, offset: start) }
  }

  func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Passes a string with its quotes; tells whether it holds escapes. What lies between the quotes is valid UTF-8.
  mutating func scanString() throws(JSONError) -> (content: Range<Int>, hasEscapes: Bool) {
    index += 1
    let start = index
    var hasEscapes = false
    while true {
      index = plainEnd(from: index)
      let byte = try currentByte()
      if byte == UInt8(ascii: "\"") {
        let end = index
        index += 1
        return (start..<end, hasEscapes)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try scanEscape()
      } else if byte < 0x20 {
        throw JSONError(.controlCharacter, offset: index)
      } else {
        let length = UTF8Sequence.length(in: bytes, at: index, limit: limit)
        guard length > 0 else { throw JSONError(.invalidUTF8, offset: index) }
        index += length
      }
    }
  }

  /// Where the run of plain characters from `start` ends. Most bytes of most texts are passed here: a span in a local,
  /// so that the loop holds its bounds in registers.
  private func plainEnd(from start: Int) -> Int {
    let span = bytes.span
    var position = start
    let end = limit
    while position < end {
      let byte = span[position]
      // ASCII from the space on, but no quote and no backslash.
      guard byte &- 0x20 < 0x60, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return position }
      position &+= 1
    }
    return position
  }

  mutating func scanEscape() throws(JSONError) {
    let start = index
    guard index + 1 < limit else { throw JSONError(.unexpectedEnd, offset: limit) }
    switch bytes[index + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      index += 2
    case UInt8(ascii: "u"):
      guard index + 6 <= limit else { throw JSONError(.unexpectedEnd, offset: limit) }
      guard hexadecimal(at: index + 2) != nil else { throw JSONError(.invalidEscape, offset: start) }
      index += 6
    default: throw JSONError(.invalidEscape, offset: start)
    }
  }

  /// Four hexadecimal digits as a UTF-16 code unit.
  /// The value of the four hexadecimal digits at `start`, or nil if one is none.
  func hexadecimal(at start: Int) -> UInt16? {
    var value: UInt16 = 0
    for position in start..<start + 4 {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(bytes[position] - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(bytes[position] - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(bytes[position] - UInt8(ascii: "A") + 10)
      default: return nil
      }
    }
    return value
  }

  // MARK: Bytes

  @inline(__always)
  mutating func skipWhitespace() {
    while index < limit {
      switch bytes[index] {
      case 0x20, 0x0A, 0x0D, 0x09: index += 1
      default: return
      }
    }
  }

  @inline(__always)
  func currentByte() throws(JSONError) -> UInt8 {
    guard index < limit else { throw JSONError(.unexpectedEnd, offset: index) }
    return bytes[index]
  }
}
