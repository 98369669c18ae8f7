/// What the first line of a message says (RFC 9112 sections 3 and 4). Ranges are places in the head.
struct HTTPStartLine: Sendable {
  var isHTTP10 = false
  /// Of a response; zero otherwise.
  var status = 0
  /// Of a request, as is `target`; empty otherwise.
  var method = 0..<0
  var target = 0..<0
  /// Where the line ends, its CRLF not counted.
  var end = 0

  init() {}

  /// Reads the first line of `head`, each line of which must end with CRLF.
  init(head: [UInt8], kind: HTTPReader.Kind) throws(HTTPWireError) {
    let line = head.span
    while line[end] != 0x0A { end &+= 1 }
    end -= 1
    switch kind {
    case .requests: try readRequestLine(line)
    case .responses: try readStatusLine(line)
    }
  }

  private mutating func readRequestLine(_ line: Span<UInt8>) throws(HTTPWireError) {
    var position = 0
    while ASCII.isToken(line[position]) { position &+= 1 }
    method = 0..<position
    guard position > 0, line[position] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    position += 1
    while 0x21...0x7E ~= line[position] { position &+= 1 }
    target = method.upperBound + 1..<position
    guard !target.isEmpty, line[position] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    try readVersion(line, range: position + 1..<end)
  }

  private mutating func readStatusLine(_ line: Span<UInt8>) throws(HTTPWireError) {
    // HTTP/1.1 200 Reason: the reason, and even the space before it, may be missing.
    guard end >= 12, line[8] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    try readVersion(line, range: 0..<8)
    for position in 9..<12 {
      guard ASCII.isDigit(line[position]) else { throw HTTPWireError(.malformedStartLine) }
      status = status * 10 + Int(line[position] - UInt8(ascii: "0"))
    }
    guard status >= 100, end == 12 || line[12] == 0x20 else { throw HTTPWireError(.malformedStartLine) }
    for position in 12..<end where !ASCII.isText(line[position]) { throw HTTPWireError(.malformedStartLine) }
  }

  /// Tells 1.0 from 1.1 and refuses every other version.
  private mutating func readVersion(_ line: Span<UInt8>, range: Range<Int>) throws(HTTPWireError) {
    guard Self.stands("HTTP/", in: line, at: range) else { throw HTTPWireError(.malformedStartLine) }
    isHTTP10 = Self.stands("HTTP/1.0", in: line, at: range)
    guard range.count == 8, isHTTP10 || Self.stands("HTTP/1.1", in: line, at: range) else {
      throw HTTPWireError(.unsupportedVersion)
    }
  }

  private static func stands(_ text: StaticString, in line: Span<UInt8>, at range: Range<Int>) -> Bool {
    guard range.count >= text.utf8CodeUnitCount else { return false }
    for offset in 0..<text.utf8CodeUnitCount where line[range.lowerBound + offset] != text.utf8Start[offset] {
      return false
    }
    return true
  }
}
