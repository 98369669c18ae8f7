import CZlib

/// One gzip member (RFC 1952) that grows: what was written so far can be read so far.
///
/// A window of 2 KB (11 bits) and a table of level 4 hold 16 KB a stream, where zlib's defaults hold 256 KB, and still save two
/// thirds of what events are made of: the names of their members. A sync flush after each write gives the reader all of it.
package final class GzipStream {
  private var stream = z_stream()
  private var isBegun: Bool

  /// Nil if zlib has no memory.
  package init?() {
    isBegun = false
    guard tickertape_gzip_stream_begin(&stream) == Z_OK else { return nil }
    isBegun = true
  }

  deinit { if isBegun { deflateEnd(&stream) } }

  /// What is to be sent so that the reader has all of `bytes`.
  package func write(_ bytes: [UInt8]) -> [UInt8] { deflated(bytes, flush: Z_SYNC_FLUSH) }

  /// The end of the member.
  package func finish() -> [UInt8] { deflated([], flush: Z_FINISH) }

  private func deflated(_ bytes: [UInt8], flush: Int32) -> [UInt8] {
    var input = bytes
    var output: [UInt8] = []
    input.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      repeat {
        // A flush writes five bytes and what zlib had kept back; most events need one turn.
        let room = max(512, source.count / 2 + 64)
        output += [UInt8](unsafeUninitializedCapacity: room) { target, count in
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(room)
          _ = deflate(&stream, flush)
          count = room - Int(stream.avail_out)
        }
      } while stream.avail_out == 0
    }
    stream.next_in = nil
    stream.next_out = nil
    return output
  }
}
