/// Reading a body while it comes, for those who hand it on: the head alone first, then a piece at a time.
extension HTTPReader {
  /// What one call took.
  package struct Piece {
    /// How many of the bytes belonged to it.
    package let used: Int
    /// The sender's chunk is whole with it: what was written together has come together. Of a body without chunks, each
    /// piece.
    package let endsChunk: Bool
  }

  /// Reads on up to the end of the head and not a byte further; returns how many bytes that were.
  package mutating func consumeHead(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Int {
    var used = 0
    while used < bytes.count, !hasHead { used += try step(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
    return used
  }

  /// Reads on in the body, at most to the end of one chunk. What came of it is moved out with `consumeBody`.
  package mutating func consumePiece(_ bytes: UnsafeRawBufferPointer) throws(HTTPWireError) -> Piece {
    var used = 0
    while used < bytes.count, !isComplete {
      let isAtChunkEnd = if case .chunkEnd = state { true } else { false }
      used += try step(UnsafeRawBufferPointer(rebasing: bytes[used...]))
      if isAtChunkEnd, case .chunkSize = state { return Piece(used: used, endsChunk: true) }
    }
    return Piece(used: used, endsChunk: !isChunked && used > 0)
  }

  private var isChunked: Bool { headers.firstIndex("transfer-encoding") != nil }
}
