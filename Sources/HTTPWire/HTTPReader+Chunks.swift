/// Chunked bodies (RFC 9112 section 7.1) and the fields after them.
extension HTTPReader {
  /// A line longer than this is an attack: a size and its extensions.
  private static let maximumChunkLineBytes = 4096

  /// Moves bytes to `line` up to and with its CRLF; `isWhole` tells that it has come.
  private mutating func readLine(
    _ bytes: UnsafeRawBufferPointer
  ) throws(HTTPWireError) -> (used: Int, isWhole: Bool) {
    var used = 0
    while used < bytes.count {
      let byte = bytes[used]
      guard line.count < Self.maximumChunkLineBytes else { throw HTTPWireError(.malformedChunk) }
      line.append(byte)
      used += 1
      if byte == 0x0A {
        guard line.count >= 2, line[line.count - 2] == 0x0D else { throw HTTPWireError(.malformedChunk) }
        return (used, true)
      }
    }
    return (used, false)
  }

  mutating func readChunkSize(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    let (used, isWhole) = try readLine(bytes)
    guard isWhole else { return used }
    let size = try chunkSize()
    try requireRoom(for: size)
    line.removeAll(keepingCapacity: true)
    state = size == 0 ? .trailers : .chunkData(remaining: size)
    return used
  }

  mutating func readChunkEnd(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    let (used, isWhole) = try readLine(bytes)
    guard line == [0x0D, 0x0A] || line == [0x0D] else { throw HTTPWireError(.malformedChunk) }
    guard isWhole else { return used }
    line.removeAll(keepingCapacity: true)
    state = .chunkSize
    return used
  }

  /// The size in `line`; an extension after ';' is read over (RFC 9112 section 7.1.1).
  private func chunkSize() throws(HTTPWireError) -> Int {
    let end = line.count - 2
    var offset = 0
    var size = 0
    while offset < end, let digit = ASCII.hexadecimal(line[offset]) {
      size = size << 4 | digit
      offset += 1
      guard offset <= 12 else { throw HTTPWireError(.malformedChunk) }
    }
    guard offset > 0 else { throw HTTPWireError(.malformedChunk) }
    while offset < end, ASCII.isBlank(line[offset]) { offset += 1 }
    guard offset == end || line[offset] == UInt8(ascii: ";"), line[offset..<end].allSatisfy(ASCII.isText) else {
      throw HTTPWireError(.malformedChunk)
    }
    return size
  }

  mutating func readTrailers(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    let (used, isWhole) = try section.append(
      bytes, maximumBytes: limits.headBytes, malformed: .malformedHeader)
    guard isWhole else { return used }
    try section.readFields(from: 0)
    trailers = section.headers
    state = .complete
    return used
  }
}
