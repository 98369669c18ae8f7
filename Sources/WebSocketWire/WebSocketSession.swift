/// One side of a WebSocket connection after the handshake (RFC 6455): bytes in, messages out; does no I/O.
///
///     var input = UnsafeRawBufferPointer(bytesFromTheSocket)
///     while let message = try session.next(&input, output: &output) {
///       …                                            // may call append(text:to:) and close(…)
///     }
///     // write `output` to the socket; close the socket when `isOver`
///
/// Pings are answered, a close is answered, a violation is answered with the close frame it asks for: all of that
/// appears in `output`. Extensions are not negotiated.
package struct WebSocketSession {
  package enum Role: Sendable {
    /// Masks what it sends and refuses masked frames.
    case client
    case server
  }

  /// What is taken from the other side; beyond it the connection is failed with 1009, or 1003 for binary.
  package struct Limits: Sendable {
    package var messageBytes: Int
    package var frameBytes: Int
    package var acceptsBinary: Bool

    package init(messageBytes: Int = 64 << 20, frameBytes: Int = 64 << 20, acceptsBinary: Bool = true) {
      self.messageBytes = messageBytes
      self.frameBytes = frameBytes
      self.acceptsBinary = acceptsBinary
    }

    /// API Gateway's quotas: a message of 128 KB in frames of 32 KB, text only.
    package static let apiGateway = Limits(messageBytes: 128 << 10, frameBytes: 32 << 10, acceptsBinary: false)
  }

  private let codec: FrameCodec
  private let role: Role
  private var decoder: FrameDecoder?
  private var incoming: MessageAssembly

  /// A close frame was written: nothing more is sent.
  package private(set) var hasSentClose = false
  /// Nothing more is read: the other side closed, or it broke the protocol. Once `output` is written, the socket is to
  /// be closed.
  package private(set) var isOver = false

  package init(role: Role, limits: Limits = Limits(), codec: FrameCodec) {
    self.role = role
    self.codec = codec
    incoming = MessageAssembly(role: role, limits: limits)
  }

  // MARK: Receiving

  /// The next message in `input`, moving past what was read; nil when all of it is used up.
  package mutating func next(
    _ input: inout UnsafeRawBufferPointer, output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage? {
    do {
      return try read(&input, output: &output)
    } catch {
      close(code: error.closeCode, reason: error.reason, output: &output)
      end()
      throw error
    }
  }

  private mutating func read(
    _ input: inout UnsafeRawBufferPointer, output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage? {
    while !isOver {
      if decoder == nil {
        if input.isEmpty { return nil }
        decoder = codec.borrowDecoder()
      }
      guard let decoder else { return nil }
      switch decoder.read(&input) {
      case .needsBytes:
        if decoder.isIdle { returnDecoder() }
        return nil
      case .violation: throw .violation("malformed frame")
      case .piece(let piece):
        if let message = try append(piece, output: &output) { return message }
      }
    }
    return nil
  }

  private mutating func append(
    _ piece: FramePiece, output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage? {
    guard let whole = try incoming.append(piece) else { return nil }
    switch whole {
    // What comes after our close frame is read over (RFC 6455 section 1.4).
    case .text where hasSentClose, .binary where hasSentClose: return nil
    case .text(let text): return .text(text)
    case .binary(let bytes): return .binary(bytes)
    case .ping(let payload):
      append(Opcode.pong, payload: payload, to: &output)
      return .ping(payload)
    case .pong(let payload): return .pong(payload)
    case .close(let payload): return try finishClose(payload, output: &output)
    }
  }

  private mutating func finishClose(
    _ payload: [UInt8], output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage {
    guard payload.count != 1 else { throw .violation("close frame with half a code") }
    var code: UInt16?
    if payload.count >= 2 {
      let number = UInt16(payload[0]) << 8 | UInt16(payload[1])
      guard WebSocketCloseCode.isSendable(number) else { throw .violation("close code \(number)") }
      guard payload.withUnsafeBytes({ UTF8Check.isValid(UnsafeRawBufferPointer(rebasing: $0[2...])) }) else {
        throw .invalidText("close reason")
      }
      code = number
    }
    append(Opcode.close, payload: Array(payload.prefix(2)), to: &output)
    hasSentClose = true
    end()
    return .close(code: code, reason: String(decoding: payload.dropFirst(2), as: UTF8.self))
  }

  // MARK: Sending

  /// `text` is to be UTF-8. Nothing is written once the close frame was.
  package func append(text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    append(Opcode.text, payload: text, to: &output)
  }

  package func append(text: [UInt8], to output: inout [UInt8]) { append(Opcode.text, payload: text, to: &output) }

  package func append(binary: [UInt8], to output: inout [UInt8]) { append(Opcode.binary, payload: binary, to: &output) }

  /// At most 125 bytes.
  package func append(ping payload: [UInt8], to output: inout [UInt8]) {
    append(Opcode.ping, payload: payload, to: &output)
  }

  /// Writes the close frame, once; messages that still come are read over until the other side has closed too. Without
  /// a code the frame is empty. A reason is cut to the 123 bytes that have room.
  package mutating func close(code: UInt16?, reason: String = "", output: inout [UInt8]) {
    guard !hasSentClose else { return }
    var payload: [UInt8] = []
    if let code {
      payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
      for character in reason where payload.count + character.utf8.count <= 125 {
        payload.append(contentsOf: character.utf8)
      }
    }
    append(Opcode.close, payload: payload, to: &output)
    hasSentClose = true
  }

  private func append(_ opcode: UInt8, payload: [UInt8], to output: inout [UInt8]) {
    payload.withUnsafeBytes { append(opcode, payload: $0, to: &output) }
  }

  private func append(_ opcode: UInt8, payload: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    guard !hasSentClose else { return }
    codec.encoder.append(opcode: opcode, payload: payload, isMasked: role == .client, to: &output)
  }

  // MARK: Buffers

  private mutating func end() {
    isOver = true
    returnDecoder()
    incoming.removeAll()
  }

  private mutating func returnDecoder() {
    if let decoder { codec.giveBack(decoder) }
    decoder = nil
  }
}
