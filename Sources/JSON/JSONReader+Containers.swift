extension JSONReader {
  // MARK: Members, one at a time

  mutating func open() throws(JSONError) {
    try descend()
    isFirst |= 1 << UInt128(depth)
  }

  /// Steps over the comma to the next member; false, closing the container, if `closing` stands there instead.
  mutating func advanceToMember(closing: UInt8) throws(JSONError) -> Bool {
    precondition(depth > 0, "no container is open")
    skipWhitespace()
    let byte = try currentByte()
    let bit: UInt128 = 1 << UInt128(depth)
    let first = isFirst & bit != 0
    isFirst &= ~bit
    if byte == closing {
      ascend()
      return false
    }
    if !first { try passComma(orClosing: closing) }
    return true
  }

  /// A key's colon, with the white space before it.
  mutating func passColon() throws(JSONError) {
    skipWhitespace()
    let byte = try currentByte()
    guard byte == UInt8(ascii: ":") else { throw JSONError(.unexpectedByte(byte, expected: "':'"), offset: index) }
    index += 1
  }

  func requireKey() throws(JSONError) {
    let byte = try currentByte()
    guard byte == UInt8(ascii: "\"") else {
      throw JSONError(.unexpectedByte(byte, expected: "a key in quotes"), offset: index)
    }
  }

  private mutating func passComma(orClosing closing: UInt8) throws(JSONError) {
    let byte = try currentByte()
    guard byte == UInt8(ascii: ",") else {
      let expected = closing == UInt8(ascii: "}") ? "',' or '}'" : "',' or ']'"
      throw JSONError(.unexpectedByte(byte, expected: expected), offset: index)
    }
    index += 1
    skipWhitespace()
  }

  private mutating func descend() throws(JSONError) {
    guard depth < maximumDepth else { throw JSONError(.tooDeep(maximumDepth: maximumDepth), offset: index) }
    depth += 1
    index += 1
  }

  private mutating func ascend() {
    depth -= 1
    index += 1
  }

  // MARK: Whole values

  mutating func rawRange() throws(JSONError) -> Range<Int> {
    skipWhitespace()
    let start = index
    try scanValue()
    return start..<index
  }

  /// The recursion is bounded by `maximumDepth`.
  private mutating func scanValue() throws(JSONError) {
    switch try peek() {
    case .string: _ = try scanString()
    case .number: _ = try scanNumber()
    case .boolean: try scanKeyword(bytes[index] == UInt8(ascii: "t") ? "true" : "false")
    case .null: try scanKeyword("null")
    case .array: try scanArray()
    case .object: try scanObject()
    }
  }

  private mutating func scanArray() throws(JSONError) {
    try descend()
    skipWhitespace()
    guard try currentByte() != UInt8(ascii: "]") else { return ascend() }
    while true {
      try scanValue()
      skipWhitespace()
      guard try currentByte() != UInt8(ascii: "]") else { return ascend() }
      try passComma(orClosing: UInt8(ascii: "]"))
    }
  }

  private mutating func scanObject() throws(JSONError) {
    try descend()
    skipWhitespace()
    guard try currentByte() != UInt8(ascii: "}") else { return ascend() }
    while true {
      try requireKey()
      _ = try scanString()
      try passColon()
      try scanValue()
      skipWhitespace()
      guard try currentByte() != UInt8(ascii: "}") else { return ascend() }
      try passComma(orClosing: UInt8(ascii: "}"))
    }
  }
}
