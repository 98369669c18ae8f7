/// A pull reader over the bytes of one JSON text (RFC 8259).
///
/// The caller asks for what it expects, in the order in which it stands; nothing is built that nobody asked for. Values
/// that only travel (`rawValue`) are validated and handed on as the very bytes they came in, so `152.50` stays
/// `152.50`.
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
  /// The deepest that can be read: one bit a level in a 128-bit word.
  package static let largestDepth = 127

  let bytes: [UInt8]
  let limit: Int
  let maximumDepth: Int
  var index: Int
  var depth = 0
  /// One bit a level: the container was opened and no member of it has been read yet.
  var isFirst: UInt128 = 0

  /// Reads `bytes`, or only `range` of it; offsets in errors count from the start of `bytes`.
  package init(_ bytes: [UInt8], in range: Range<Int>? = nil, maximumDepth: Int = defaultMaximumDepth) {
    precondition(maximumDepth <= Self.largestDepth, "one bit a level in a 128-bit word")
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
    try expect(.object, expected: "an object")
    try open()
  }

  /// The next member's key, or nil after the last one, when the object is closed.
  package mutating func nextKey() throws(JSONError) -> String? {
    guard try advanceToMember(closing: UInt8(ascii: "}")) else { return nil }
    try requireKey()
    let key = try decodedString()
    try passColon()
    return key
  }

  package mutating func beginArray() throws(JSONError) {
    try expect(.array, expected: "an array")
    try open()
  }

  /// True if another element stands next; false after the last one, when the array is closed.
  package mutating func nextElement() throws(JSONError) -> Bool {
    try advanceToMember(closing: UInt8(ascii: "]"))
  }

  package mutating func string() throws(JSONError) -> String {
    try expect(.string, expected: "a string")
    return try decodedString()
  }

  /// A whole number that fits 64 bits, written without fraction and exponent.
  package mutating func integer() throws(JSONError) -> Int64 {
    let start = try numberStart()
    let text = try scanNumber()
    var value: Int64 = 0
    let negative = bytes[text.lowerBound] == UInt8(ascii: "-")
    for position in (negative ? text.dropFirst() : text) {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) else {
        throw JSONError(.wrongKind(expected: "a whole number", found: .number), offset: start)
      }
      let digit = Int64(bytes[position] - UInt8(ascii: "0"))
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
    try expect(.boolean, expected: "true or false")
    let value = bytes[index] == UInt8(ascii: "t")
    try scanKeyword(value ? "true" : "false")
    return value
  }

  /// True, consuming it, if `null` stands next.
  package mutating func null() throws(JSONError) -> Bool {
    guard try peek() == .null else { return false }
    try scanKeyword("null")
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
}
