import CWslay

// The only file that calls wslay. Its frame interface is used, not its event interface: an event context holds two
// buffers of 4 KB for as long as a connection lives; a frame decoder is needed only while a frame is on its way, so a
// few of them serve any number of connections.

/// A frame's head and the next bytes of its payload, unmasked.
struct FramePiece {
  let isFinal: Bool
  let reservedBits: UInt8
  let opcode: UInt8
  let isMasked: Bool
  /// Of the whole frame.
  let payloadBytes: UInt64
  /// This part of it; valid until the decoder is used again.
  let data: UnsafeRawBufferPointer
}

enum FrameReading {
  case piece(FramePiece)
  case needsBytes
  /// A head that RFC 6455 section 5.2 or 5.5 forbids: a length not written in the fewest bytes or over 2^63, a control
  /// frame that is long or in fragments.
  case violation
}

/// Takes frames apart; one connection's at a time.
final class FrameDecoder {
  private var context: wslay_frame_context_ptr?
  private var input = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Bytes taken from the connection that were not handed out yet, neither as a head nor as a payload.
  private var heldBytes = 0
  /// Of the payload whose frame's head was read.
  private var remainingBytes: UInt64 = 0
  /// After a head that it refused it cannot read on.
  private var isBroken = false

  init() {
    var callbacks = wslay_frame_callbacks(
      send_callback: nil,
      recv_callback: { buffer, length, _, owner in
        guard let buffer, let owner else { return -1 }
        return Unmanaged<FrameDecoder>.fromOpaque(owner).takeUnretainedValue().hand(to: buffer, atMost: length)
      },
      genmask_callback: nil)
    let result = wslay_frame_context_init(&context, &callbacks, Unmanaged.passUnretained(self).toOpaque())
    precondition(result == 0, "out of memory")
  }

  deinit { wslay_frame_context_free(context) }

  /// Whether it stands between two frames and holds nothing of the connection: only then another connection can use it.
  ///
  /// It counts for itself. Whoever reads the frames may refuse one after its first piece, and then knows less.
  var isIdle: Bool { heldBytes == 0 && remainingBytes == 0 && !isBroken }

  /// Reads on from `bytes`, moving past those it took; it takes up to 4 KB more than it tells of.
  func read(_ bytes: inout UnsafeRawBufferPointer) -> FrameReading {
    input = bytes
    defer {
      bytes = input
      input = UnsafeRawBufferPointer(start: nil, count: 0)
    }
    var frame = wslay_frame_iocb()
    let count = wslay_frame_recv(context, &frame)
    if count == Int(WSLAY_ERR_WANT_READ.rawValue) { return .needsBytes }
    guard count >= 0 else {
      isBroken = true
      return .violation
    }
    passed(frame)
    return .piece(
      FramePiece(
        isFinal: frame.fin == 1, reservedBits: frame.rsv, opcode: frame.opcode, isMasked: frame.mask == 1,
        payloadBytes: frame.payload_length,
        data: UnsafeRawBufferPointer(start: frame.data, count: frame.data_length)))
  }

  /// wslay counts no heads: their length follows from what they say (RFC 6455 section 5.2).
  private func passed(_ frame: wslay_frame_iocb) {
    if remainingBytes == 0 {
      let lengthBytes = frame.payload_length < 126 ? 0 : frame.payload_length < 1 << 16 ? 2 : 8
      heldBytes -= 2 + lengthBytes + (frame.mask == 1 ? 4 : 0)
      remainingBytes = frame.payload_length
    }
    heldBytes -= frame.data_length
    remainingBytes -= UInt64(frame.data_length)
  }

  private func hand(to buffer: UnsafeMutablePointer<UInt8>, atMost length: Int) -> Int {
    let count = min(length, input.count)
    // wslay reads -1 as "none now".
    guard count > 0, let start = input.baseAddress else { return -1 }
    UnsafeMutableRawPointer(buffer).copyMemory(from: start, byteCount: count)
    input = UnsafeRawBufferPointer(rebasing: input[count...])
    heldBytes += count
    return count
  }
}

/// Puts frames together; one serves every connection, since a frame is always written whole.
final class FrameEncoder {
  private var context: wslay_frame_context_ptr?
  private var output: [UInt8] = []

  init() {
    var callbacks = wslay_frame_callbacks(
      send_callback: { data, length, _, owner in
        guard let owner else { return -1 }
        let encoder = Unmanaged<FrameEncoder>.fromOpaque(owner).takeUnretainedValue()
        encoder.output.append(contentsOf: UnsafeBufferPointer(start: data, count: length))
        return length
      },
      recv_callback: nil,
      genmask_callback: { buffer, length, _ in
        guard let buffer else { return -1 }
        // RFC 6455 section 5.3 asks for a mask that cannot be foretold.
        var generator = SystemRandomNumberGenerator()
        for offset in 0..<length { buffer[offset] = UInt8.random(in: .min ... .max, using: &generator) }
        return 0
      })
    let result = wslay_frame_context_init(&context, &callbacks, Unmanaged.passUnretained(self).toOpaque())
    precondition(result == 0, "out of memory")
  }

  deinit { wslay_frame_context_free(context) }

  /// Appends one unfragmented frame to `bytes`.
  func append(opcode: UInt8, payload: UnsafeRawBufferPointer, isMasked: Bool, to bytes: inout [UInt8]) {
    swap(&bytes, &output)
    defer { swap(&bytes, &output) }
    var frame = wslay_frame_iocb()
    frame.fin = 1
    frame.opcode = opcode
    frame.mask = isMasked ? 1 : 0
    frame.payload_length = UInt64(payload.count)
    var rest = payload
    repeat {
      frame.data = rest.baseAddress?.assumingMemoryBound(to: UInt8.self)
      frame.data_length = rest.count
      let count = wslay_frame_send(context, &frame)
      // The callback takes everything, so this cannot fail but by misuse.
      precondition(count >= 0, "wslay refused a frame of opcode \(opcode)")
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    } while !rest.isEmpty
  }
}
