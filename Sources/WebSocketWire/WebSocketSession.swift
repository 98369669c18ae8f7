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

  private enum Opcode {
    static let continuation: UInt8 = 0
    static let text: UInt8 = 1
    static let binary: UInt8 = 2
    static let close: UInt8 = 8
    static let ping: UInt8 = 9
    static let pong: UInt8 = 10
  }

  /// The frame whose payload is on its way.
  private struct Frame {
    let opcode: UInt8
    let isFinal: Bool
    var remainingBytes: UInt64
    var isControl: Bool { opcode & 8 != 0 }
  }

  private let codec: FrameCodec
  private let limits: Limits
  private let role: Role
  private var decoder: FrameDecoder?
  private var frame: Frame?
  /// Text or binary, while a message's frames are coming.
  private var messageOpcode: UInt8?
  private var message: [UInt8] = []
  private var control: [UInt8] = []
  private var utf8 = UTF8Check()

  /// A close frame was written: nothing more is sent.
  package private(set) var hasSentClose = false
  /// Nothing more is read: the other side closed, or it broke the protocol. Once `output` is written, the socket is to
  /// be closed.
  package private(set) var isOver = false

  package init(role: Role, limits: Limits = Limits(), codec: FrameCodec) {
    self.role = role
    self.limits = limits
    self.codec = codec
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
        if decoder.isEmpty, frame == nil { returnDecoder() }
        return nil
      case .violation: throw violation("malformed frame")
      case .piece(let piece):
        if let message = try take(piece, decoder, output: &output) { return message }
      }
    }
    return nil
  }

  private mutating func take(
    _ piece: FramePiece, _ decoder: FrameDecoder, output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage? {
    var current: Frame
    if let frame {
      current = frame
    } else {
      decoder.passedHead(of: piece)
      current = try begin(piece)
    }
    try collect(piece.data, of: current)
    current.remainingBytes -= UInt64(piece.data.count)
    frame = current.remainingBytes == 0 ? nil : current
    guard current.remainingBytes == 0 else { return nil }
    if current.isControl { return try finishControl(current.opcode, output: &output) }
    return current.isFinal ? try finishMessage() : nil
  }

  private mutating func begin(_ piece: FramePiece) throws(WebSocketError) -> Frame {
    guard piece.reservedBits == 0 else { throw violation("reserved bit set, no extension was agreed on") }
    guard piece.isMasked == (role == .server) else {
      throw violation(role == .server ? "frame not masked" : "frame masked by the server")
    }
    switch piece.opcode {
    case Opcode.continuation:
      guard messageOpcode != nil else { throw violation("continuation of no message") }
      try checkSize(piece)
    case Opcode.text, Opcode.binary:
      guard messageOpcode == nil else { throw violation("message begun inside another") }
      guard piece.opcode == Opcode.text || limits.acceptsBinary else {
        throw WebSocketError(closeCode: WebSocketCloseCode.unsupportedData, reason: "binary frames are not supported")
      }
      try checkSize(piece)
      messageOpcode = piece.opcode
    case Opcode.close, Opcode.ping, Opcode.pong: break
    default: throw violation("reserved opcode \(piece.opcode)")
    }
    return Frame(opcode: piece.opcode, isFinal: piece.isFinal, remainingBytes: piece.payloadBytes)
  }

  private func checkSize(_ piece: FramePiece) throws(WebSocketError) {
    guard piece.payloadBytes <= UInt64(limits.frameBytes) else {
      throw WebSocketError(closeCode: WebSocketCloseCode.tooBig, reason: "frame over \(limits.frameBytes) bytes")
    }
    guard piece.payloadBytes <= UInt64(limits.messageBytes - message.count) else {
      throw WebSocketError(closeCode: WebSocketCloseCode.tooBig, reason: "message over \(limits.messageBytes) bytes")
    }
  }

  private mutating func collect(_ data: UnsafeRawBufferPointer, of frame: Frame) throws(WebSocketError) {
    guard !frame.isControl else { return control.append(contentsOf: data) }
    if messageOpcode == Opcode.text, !utf8.accept(data) { throw invalidText("text") }
    message.append(contentsOf: data)
  }

  private mutating func finishMessage() throws(WebSocketError) -> WebSocketMessage? {
    let isText = messageOpcode == Opcode.text
    guard !isText || utf8.isComplete else { throw invalidText("text") }
    let whole = message
    // Not kept for the next message: an idle session holds no buffer.
    message = []
    messageOpcode = nil
    // What comes after our close frame is read over (RFC 6455 section 1.4).
    if hasSentClose { return nil }
    return isText ? .text(whole) : .binary(whole)
  }

  private mutating func finishControl(
    _ opcode: UInt8, output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage? {
    let payload = control
    control = []
    switch opcode {
    case Opcode.ping:
      append(Opcode.pong, payload, to: &output)
      return .ping(payload)
    case Opcode.pong: return .pong(payload)
    default: return try finishClose(payload, output: &output)
    }
  }

  private mutating func finishClose(
    _ payload: [UInt8], output: inout [UInt8]
  ) throws(WebSocketError) -> WebSocketMessage {
    guard payload.count != 1 else { throw violation("close frame with half a code") }
    var code: UInt16?
    if payload.count >= 2 {
      let number = UInt16(payload[0]) << 8 | UInt16(payload[1])
      guard WebSocketCloseCode.isSendable(number) else { throw violation("close code \(number)") }
      guard payload.withUnsafeBytes({ UTF8Check.isValid(UnsafeRawBufferPointer(rebasing: $0[2...])) }) else {
        throw invalidText("close reason")
      }
      code = number
    }
    append(Opcode.close, Array(payload.prefix(2)), to: &output)
    hasSentClose = true
    end()
    return .close(code: code, reason: String(decoding: payload.dropFirst(2), as: UTF8.self))
  }

  private func violation(_ reason: String) -> WebSocketError {
    WebSocketError(closeCode: WebSocketCloseCode.protocolError, reason: reason)
  }

  private func invalidText(_ subject: String) -> WebSocketError {
    WebSocketError(closeCode: WebSocketCloseCode.invalidPayload, reason: "\(subject) is not UTF-8")
  }

  // MARK: Sending

  /// `text` is to be UTF-8. Nothing is written once the close frame was.
  package func append(text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    append(Opcode.text, text, to: &output)
  }

  package func append(text: [UInt8], to output: inout [UInt8]) { append(Opcode.text, text, to: &output) }

  package func append(binary: [UInt8], to output: inout [UInt8]) { append(Opcode.binary, binary, to: &output) }

  /// At most 125 bytes.
  package func append(ping payload: [UInt8], to output: inout [UInt8]) { append(Opcode.ping, payload, to: &output) }

  /// Writes the close frame, once; messages that still come are read over until the other side has closed too. Without a
  /// code the frame is empty. A reason is cut to the 123 bytes that have room.
  package mutating func close(code: UInt16?, reason: String = "", output: inout [UInt8]) {
    guard !hasSentClose else { return }
    var payload: [UInt8] = []
    if let code {
      payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
      for character in reason where payload.count + character.utf8.count <= 125 {
        payload.append(contentsOf: character.utf8)
      }
    }
    append(Opcode.close, payload, to: &output)
    hasSentClose = true
  }

  private func append(_ opcode: UInt8, _ payload: [UInt8], to output: inout [UInt8]) {
    payload.withUnsafeBytes { append(opcode, $0, to: &output) }
  }

  private func append(_ opcode: UInt8, _ payload: UnsafeRawBufferPointer, to output: inout [UInt8]) {
    guard !hasSentClose else { return }
    codec.encoder.append(opcode: opcode, payload: payload, isMasked: role == .client, to: &output)
  }

  // MARK: Buffers

  private mutating func end() {
    isOver = true
    message = []
    control = []
    // Inside a frame the decoder is of no use to anyone else.
    if let decoder, decoder.isEmpty, frame == nil { codec.giveBack(decoder) }
    decoder = nil
  }

  private mutating func returnDecoder() {
    if let decoder { codec.giveBack(decoder) }
    decoder = nil
  }
}
