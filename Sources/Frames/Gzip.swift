import CZlib
import JSON
import Messaging

/// RFC 1952, by zlib.
package enum Gzip {
  /// `{"type":"gzip","data":"…"}`: the frame compressed, as base64 since frames are text. Nil if zlib has no memory.
  static func frame(_ frame: [UInt8]) -> [UInt8]? {
    guard let compressed = compress(frame) else { return nil }
    var writer = JSONWriter(reservingBytes: compressed.count * 4 / 3 + 64)
    writer.object { writer in
      writer.member(Member.type, ControlType.gzip.rawValue)
      writer.key(Member.data)
      var text = [UInt8(ascii: "\"")]
      Base64.append(compressed, to: &text)
      writer.raw(text + [UInt8(ascii: "\"")])
    }
    return writer.bytes
  }

  /// The same bytes give the same result, whenever: the header names no time.
  package static func compress(_ bytes: [UInt8], level: Int32 = 5) -> [UInt8]? {
    var stream = z_stream()
    guard tickertape_gzip_begin(&stream, level) == Z_OK else { return nil }
    defer { deflateEnd(&stream) }
    let bound = Int(deflateBound(&stream, UInt(bytes.count)))
    var input = bytes
    let result = input.withUnsafeMutableBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: bound) { target, count in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(bound)
        count = deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
      }
    }
    return result.isEmpty ? nil : result
  }

  /// Nil if it is not one whole gzip member, or more than `maximumBytes` would come out: a few bytes can stand for
  /// gigabytes.
  package static func decompress(_ compressed: [UInt8], maximumBytes: Int) -> [UInt8]? {
    var stream = z_stream()
    guard tickertape_gunzip_begin(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = compressed
    var output: [UInt8] = []
    let hasEnded = input.withUnsafeMutableBufferPointer { source in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      while output.count <= maximumBytes {
        var status = Z_OK
        // One byte more than may come, to see that it would.
        let room = min(64 << 10, maximumBytes + 1 - output.count)
        output += [UInt8](unsafeUninitializedCapacity: room) { target, count in
          stream.next_out = target.baseAddress
          stream.avail_out = UInt32(room)
          status = inflate(&stream, Z_NO_FLUSH)
          count = room - Int(stream.avail_out)
        }
        if status == Z_STREAM_END { return stream.avail_in == 0 }
        if status != Z_OK { return false }
      }
      return false
    }
    return hasEnded && output.count <= maximumBytes ? output : nil
  }
}
