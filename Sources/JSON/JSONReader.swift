/// A pull reader over the bytes of one JSON text (RFC 8259).
///
/// The caller asks for what it expects, in the order in which it stands; nothing is built that nobody asked for. Values
/// that only travel (`rawValue`) are validated and handed on as the very bytes they came in, so `152.50` stays `152.50`.
///
///     var reader = JSONReader(Array(#"{"type":"ping","n":7}"#.utf8))
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///       switch key {
///       case "type": type = try reader.string()   // "ping"
///       default: try reader.skip()
///       }
///     }
///     try reader.end()
///
/// Every byte that is passed is checked: after `end()` the whole text is known to be valid. Keys may repeat; the caller
/// sees each and decides.
package struct JSONReader {
  /// Nesting is bounded so that hostile input cannot exhaust the stack. At most 127.
  package static let defaultMaximumDepth = 100

  private let bytes: [UInt8]
  private let limit: Int
  private let maximumDepth: Int
  private var index: Int
  private var depth = 0
  /// One bit a level: the container was opened and no member of it has been read yet.
  private var isFirst: UInt128 = 0

  /// Reads `bytes`, or only `range` of it; offsets in errors count from the start of `bytes`.
  package init(_ bytes: [UInt8], in range: Range<Int>? = nil, maximumDepth: Int = defaultMaximumDepth) {
    precondition(maximumDepth < 128, "one bit a level in a 128-bit word")
    self.bytes = bytes
    self.index = range?.lowerBound ?? 0
    self.limit = range?.upperBound ?? bytes.count
    self.maximumDepth = maximumDepth
  }

  package init(_ bytes: ArraySlice<UInt8>, maximumDepth: Int = defaultMaximumDepth) {
    self.init(Array(bytes), maximumDepth: maximumDepth)
  }

  /// Bytes read so far, from the start of the array.
  package var offset: Int { index }

  // MARK: Values

  /// The kind of the value that comes next; nothing is consumed.
  package mutating func peek() throws(JSONError) -> JSONKind {
    skipWhitespace()
    switch try currentByte() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case let byte: throw JSONError(.unexpectedByte(byte, expected: "a value"), offset: index)
    }
  }

  package mutating func beginObject() throws(JSONError) {
    try expect(.object, "an object")
    try open()
  }

  /// The next member's key, or nil after the last one, when the object is closed.
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try advanceToMember(closing: UInt8(ascii: "}")) else { return nil }
    guard try currentByte() == UInt8(ascii: "\"") else {
      throw JSONError(.unexpectedByte(bytes[index], expected: "a key in quotes"), offset: index)
    }
    let key = try decodedString()
    skipWhitespace()
    guard try currentByte() == UInt8(ascii: ":") else {
      throw JSONError(.unexpectedByte(bytes[index], expected: "':'"), offset: index)
    }
    index += 1
    return key
  }

  package mutating func beginArray() throws(JSONError) {
    try expect(.array, "an array")
    try open()
  }

  /// True if another element stands next; false after the last one, when the array is closed.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try advanceToMember(closing: UInt8(ascii: "]"))
  }

  package mutating func string() throws(JSONError) -> String {
    try expect(.string, "a string")
    return try decodedString()
  }

  /// A whole number that fits 64 bits, written without fraction and exponent.
  package mutating func integer() throws(JSONError) -> Int64 {
    let start = try numberStart()
    let text = try scanNumber()
    var value: Int64 = 0
    let negative = bytes[text.lowerBound] == UInt8(ascii: "-")
    for place in (negative ? text.dropFirst() : text) {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) else {
        throw JSONError(.wrongKind(expected: "a whole number", found: .number), offset: start)
      }
      let digit = Int64(bytes[place] - UInt8(ascii: "0"))
      let (times, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowedAgain) =
        negative ? times.subtractingReportingOverflow(digit) : times.addingReportingOverflow(digit)
      guard !overflowed, !overflowedAgain else { throw JSONError(.numberOutOfRange, offset: start) }
      value = sum
    }
    return value
  }

  /// A number as the text it was written in.
  package mutating func number() throws(JSONError) -> ArraySlice<UInt8> {
    _ = try numberStart()
    return bytes[try scanNumber()]
  }

  package mutating func boolean() throws(JSONError) -> Bool {
    try expect(.boolean, "true or false")
    let value = bytes[index] == UInt8(ascii: "t")
    try scanWord(value ? "true" : "false")
    return value
  }

  /// True, consuming it, if `null` stands next.
  package mutating func null() throws(JSONError) -> Bool {
    guard try peek() == .null else { return false }
    try scanWord("null")
    return true
  }

  /// Passes the next value, checking it.
  package mutating func skip() throws(JSONError) {
    _ = try rawRange()
  }

  /// The next value, checked, as the very bytes it is written in, white space around it left out.
  package mutating func rawValue() throws(JSONError) -> ArraySlice<UInt8> {
    bytes[try rawRange()]
  }

  /// Checks that nothing but white space follows.
  package mutating func end() throws(JSONError) {
    skipWhitespace()
    guard index == limit else { throw JSONError(.trailingBytes, offset: index) }
  }

  /// Checks that `bytes` is one JSON text, within the depth bound.
  package static func validate(
    _ bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth
  ) throws(JSONError) {
    var reader = JSONReader(bytes, maximumDepth: maximumDepth)
    try reader.skip()
    try reader.end()
  }

  // MARK: Containers

  private mutating func open() throws(JSONError) {
    guard depth < maximumDepth else { throw JSONError(.tooDeep(maximumDepth: maximumDepth), offset: index) }
    depth += 1
    isFirst |= 1 << UInt128(depth)
    index += 1
  }

  /// Steps over the comma to the next member; false, closing the container, if `closing` stands there instead.
  private mutating func advanceToMember(closing: UInt8) throws(JSONError) -> Bool {
    precondition(depth > 0, "no container is open")
    skipWhitespace()
    let byte = try currentByte()
    let bit: UInt128 = 1 << UInt128(depth)
    let first = isFirst & bit != 0
    if byte == closing {
      isFirst &= ~bit
      depth -= 1
      index += 1
      return false
    }
    if first {
      isFirst &= ~bit
      return true
    }
    guard byte == UInt8(ascii: ",") else {
      let expected = closing == UInt8(ascii: "}") ? "',' or '}'" : "',' or ']'"
      throw JSONError(.unexpectedByte(byte, expected: expected), offset: index)
    }
    index += 1
    skipWhitespace()
    return true
  }

  private mutating func rawRange() throws(JSONError) -> Range<Int> {
    skipWhitespace()
    let start = index
    try scanValue()
    return start..<index
  }

  private mutating func scanValue() throws(JSONError) {
    switch try peek() {
    case .string: _ = try scanString()
    case .number: _ = try scanNumber()
    case .boolean: try scanWord(bytes[index] == UInt8(ascii: "t") ? "true" : "false")
    case .null: try scanWord("null")
    case .array:
      try open()
      while try advanceToMember(closing: UInt8(ascii: "]")) { try scanValue() }
    case .object:
      try open()
      while try advanceToMember(closing: UInt8(ascii: "}")) {
        guard try currentByte() == UInt8(ascii: "\"") else {
          throw JSONError(.unexpectedByte(bytes[index], expected: "a key in quotes"), offset: index)
        }
        _ = try scanString()
        skipWhitespace()
        guard try currentByte() == UInt8(ascii: ":") else {
          throw JSONError(.unexpectedByte(bytes[index], expected: "':'"), offset: index)
        }
        index += 1
        try scanValue()
      }
    }
  }

  // MARK: Scalars

  private mutating func expect(_ kind: JSONKind, _ expected: String) throws(JSONError) {
    let found = try peek()
    guard found == kind else { throw JSONError(.wrongKind(expected: expected, found: found), offset: index) }
  }

  private mutating func numberStart() throws(JSONError) -> Int {
    try expect(.number, "a number")
    return index
  }

  private mutating func scanWord(_ word: StaticString) throws(JSONError) {
    let start = index
    for place in 0..<word.utf8CodeUnitCount {
      guard index < limit else { throw JSONError(.unexpectedEnd, offset: index) }
      guard bytes[index] == word.utf8Start[place] else {
        throw JSONError(.unexpectedByte(bytes[index], expected: "\(word)"), offset: start)
      }
      index += 1
    }
  }

  /// RFC 8259 section 6: an optional minus, an integer without leading zeros, fraction and exponent with digits.
  private mutating func scanNumber() throws(JSONError) -> Range<Int> {
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

  private mutating func scanDigits(from start: Int) throws(JSONError) {
    let first = index
    while index < limit, isDigit(bytes[index]) { index += 1 }
    guard index > first else { throw JSONError(.invalidNumber, offset: start) }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Passes a string with its quotes; tells whether it holds escapes. What lies between the quotes is valid UTF-8.
  private mutating func scanString() throws(JSONError) -> (content: Range<Int>, hasEscapes: Bool) {
    index += 1
    let start = index
    var hasEscapes = false
    while index < limit {
      let byte = bytes[index]
      if byte == UInt8(ascii: "\"") {
        defer { index += 1 }
        return (start..<index, hasEscapes)
      }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        try scanEscape()
      } else if byte < 0x20 {
        throw JSONError(.controlCharacter, offset: index)
      } else if byte < 0x80 {
        index += 1
      } else {
        let length = UTF8Sequence.length(in: bytes, at: index, limit: limit)
        guard length > 0 else { throw JSONError(.invalidUTF8, offset: index) }
        index += length
      }
    }
    throw JSONError(.unexpectedEnd, offset: index)
  }

  private mutating func scanEscape() throws(JSONError) {
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
  private func hexadecimal(at start: Int) -> UInt16? {
    var value: UInt16 = 0
    for place in start..<start + 4 {
      guard let digit = Character(Unicode.Scalar(bytes[place])).hexDigitValue else { return nil }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  private mutating func decodedString() throws(JSONError) -> String {
    let (content, hasEscapes) = try scanString()
    // Checked by the scan: `decoding` has nothing to repair.
    if !hasEscapes { return String(decoding: bytes[content], as: UTF8.self) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(content.count)
    var place = content.lowerBound
    while place < content.upperBound {
      let byte = bytes[place]
      guard byte == UInt8(ascii: "\\") else {
        decoded.append(byte)
        place += 1
        continue
      }
      place += try decodeEscape(at: place, before: content.upperBound, into: &decoded)
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  /// Appends the character of the escape at `place`; returns the bytes it is written in.
  private func decodeEscape(
    at place: Int, before end: Int, into decoded: inout [UInt8]
  ) throws(JSONError) -> Int {
    switch bytes[place + 1] {
    case UInt8(ascii: "b"): decoded.append(0x08)
    case UInt8(ascii: "f"): decoded.append(0x0C)
    case UInt8(ascii: "n"): decoded.append(0x0A)
    case UInt8(ascii: "r"): decoded.append(0x0D)
    case UInt8(ascii: "t"): decoded.append(0x09)
    case UInt8(ascii: "u"): return try decodeUnicodeEscape(at: place, before: end, into: &decoded)
    case let byte: decoded.append(byte)
    }
    return 2
  }

  private func decodeUnicodeEscape(
    at place: Int, before end: Int, into decoded: inout [UInt8]
  ) throws(JSONError) -> Int {
    guard let unit = hexadecimal(at: place + 2) else { throw JSONError(.invalidEscape, offset: place) }
    if let scalar = Unicode.Scalar(unit) {
      decoded.append(contentsOf: Unicode.UTF8.encode(scalar)!)
      return 6
    }
    guard UTF16.isLeadSurrogate(unit), place + 12 <= end, bytes[place + 6] == UInt8(ascii: "\\"),
      bytes[place + 7] == UInt8(ascii: "u"), let low = hexadecimal(at: place + 8), UTF16.isTrailSurrogate(low),
      let scalar = Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10 | UInt32(low - 0xDC00)))
    else { throw JSONError(.loneSurrogate, offset: place) }
    decoded.append(contentsOf: Unicode.UTF8.encode(scalar)!)
    return 12
  }

  // MARK: Bytes

  private mutating func skipWhitespace() {
    while index < limit {
      switch bytes[index] {
      case 0x20, 0x0A, 0x0D, 0x09: index += 1
      default: return
      }
    }
  }

  private func currentByte() throws(JSONError) -> UInt8 {
    guard index < limit else { throw JSONError(.unexpectedEnd, offset: index) }
    return bytes[index]
  }
}
