/// The lines of one head or trailer section as they arrive, and what they say once they are whole.
///
/// The buffers are kept from one message to the next: where nobody holds on to the headers of the last message, reading
/// a head allocates nothing.
struct HTTPHead: Sendable {
  private(set) var bytes: [UInt8] = []
  private(set) var fields: [HTTPHeaders.Field] = []
  /// Where in `bytes` the line stands that is being read.
  private var lineStart = 0

  /// A view over the bytes and fields; while somebody keeps it, the next message gets new buffers.
  var headers: HTTPHeaders { HTTPHeaders(block: bytes, fields: fields) }

  /// Forgets everything but buffers of ordinary size.
  mutating func reset() {
    bytes.removeAll(keepingCapacity: bytes.capacity <= 16 << 10)
    fields.removeAll(keepingCapacity: true)
    lineStart = 0
  }

  /// Takes bytes up to and with the blank line; `used` is how many, `isWhole` tells that the blank line has come.
  ///
  /// A line that ends without a carriage return is refused as soon as it ends: some would take it for a line, others
  /// not, and requests are smuggled through the difference.
  mutating func append(
    _ input: UnsafeRawBufferPointer, maximumBytes: Int, malformed: HTTPWireError.Code
  ) throws(HTTPWireError) -> (used: Int, isWhole: Bool) {
    let earlier = bytes.count
    for offset in 0..<input.count where input[offset] == 0x0A {
      let end = earlier + offset
      guard end < maximumBytes else { throw HTTPWireError(.headTooLarge(maximumBytes: maximumBytes)) }
      let previous = offset > 0 ? input[offset - 1] : bytes.last
      guard previous == 0x0D else { throw HTTPWireError(lineStart == 0 ? malformed : .malformedHeader) }
      guard end > lineStart + 1 else {
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[...offset]))
        return (offset + 1, true)
      }
      lineStart = end + 1
    }
    bytes.append(contentsOf: input)
    guard bytes.count <= maximumBytes else { throw HTTPWireError(.headTooLarge(maximumBytes: maximumBytes)) }
    return (input.count, false)
  }

  /// Reads the `name: value` lines from `start` up to the blank line. The section must be whole.
  mutating func readFields(from start: Int) throws(HTTPWireError) {
    // Taken out, because the span holds all of `self`.
    var found: [HTTPHeaders.Field] = []
    swap(&found, &fields)
    try Self.readFields(bytes.span, from: start, into: &found)
    swap(&found, &fields)
  }

  private static func readFields(
    _ bytes: Span<UInt8>, from start: Int, into fields: inout [HTTPHeaders.Field]
  ) throws(HTTPWireError) {
    var offset = start
    while bytes[offset] != 0x0D {
      let (field, next) = try field(bytes, at: offset)
      fields.append(field)
      offset = next
    }
    // A carriage return that does not end the head stands where a name should.
    guard offset + 2 == bytes.count else { throw HTTPWireError(.malformedHeader) }
  }

  /// The field whose line starts at `start`, and where the next line starts.
  private static func field(
    _ bytes: Span<UInt8>, at start: Int
  ) throws(HTTPWireError) -> (field: HTTPHeaders.Field, next: Int) {
    var offset = start
    while ASCII.isToken(bytes[offset]) { offset &+= 1 }
    // This also refuses a folded line and a space before the colon.
    guard offset > start, bytes[offset] == UInt8(ascii: ":") else { throw HTTPWireError(.malformedHeader) }
    let name = start..<offset
    offset += 1
    while ASCII.isBlank(bytes[offset]) { offset &+= 1 }
    let valueStart = offset
    while ASCII.isText(bytes[offset]) { offset &+= 1 }
    guard bytes[offset] == 0x0D, bytes[offset + 1] == 0x0A else { throw HTTPWireError(.malformedHeader) }
    var valueEnd = offset
    while valueEnd > valueStart, ASCII.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
    return (HTTPHeaders.Field(name: name, value: valueStart..<valueEnd), offset + 2)
  }
}
