/// Puts frames together to messages, and refuses what may not come (RFC 6455, sections 5 and 8.1).
struct MessageAssembly {
  /// What a final frame completes.
  enum Whole {
    case text([UInt8])
    case binary([UInt8])
    case close([UInt8])
    case ping([UInt8])
    case pong([UInt8])
  }

  /// The frame whose payload is on its way.
  private struct IncomingFrame {
    let opcode: UInt8
    let isFinal: Bool
    var remainingBytes: UInt64
    var isControl: Bool { opcode & 8 != 0 }
  }

  private let role: WebSocketSession.Role
  private let limits: WebSocketSession.Limits
  private var frame: IncomingFrame?
  /// Text or binary, while a message's frames are coming.
  private var messageOpcode: UInt8?
  private var message: [UInt8] = []
  private var control: [UInt8] = []
  private var utf8 = UTF8Check()

  init(role: WebSocketSession.Role, limits: WebSocketSession.Limits) {
    self.role = role
    self.limits = limits
  }

  /// Lets go of what was taken.
  mutating func removeAll() {
    message = []
    control = []
  }

  /// The next piece of a frame's payload; with the first one of a frame comes its head.
  mutating func append(_ piece: FramePiece) throws(WebSocketError) -> Whole? {
    var current = if let frame { frame } else { try begin(piece) }
    try collect(piece.data, of: current)
    current.remainingBytes -= UInt64(piece.data.count)
    frame = current.remainingBytes == 0 ? nil : current
    guard current.remainingBytes == 0 else { return nil }
    if current.isControl { return finishControl(current.opcode) }
    return current.isFinal ? try finishMessage() : nil
  }

  private mutating func begin(_ piece: FramePiece) throws(WebSocketError) -> IncomingFrame {
    guard piece.reservedBits == 0 else { throw .violation("reserved bit set, no extension was agreed on") }
    guard piece.isMasked == (role == .server) else {
      throw .violation(role == .server ? "frame not masked" : "frame masked by the server")
    }
    switch piece.opcode {
    case Opcode.continuation:
      guard messageOpcode != nil else { throw .violation("continuation of no message") }
      try checkSize(piece)
    case Opcode.text, Opcode.binary:
      guard messageOpcode == nil else { throw .violation("message begun inside another") }
      guard piece.opcode == Opcode.text || limits.acceptsBinary else {
        throw WebSocketError(closeCode: WebSocketCloseCode.unsupportedData, reason: "binary frames are not supported")
      }
      try checkSize(piece)
      messageOpcode = piece.opcode
    case Opcode.close, Opcode.ping, Opcode.pong: break
    default: throw .violation("reserved opcode \(piece.opcode)")
    }
    return IncomingFrame(opcode: piece.opcode, isFinal: piece.isFinal, remainingBytes: piece.payloadBytes)
  }

  private func checkSize(_ piece: FramePiece) throws(WebSocketError) {
    guard piece.payloadBytes <= UInt64(limits.frameBytes) else {
      throw WebSocketError(closeCode: WebSocketCloseCode.tooBig, reason: "frame over \(limits.frameBytes) bytes")
    }
    guard piece.payloadBytes <= UInt64(limits.messageBytes - message.count) else {
      throw WebSocketError(closeCode: WebSocketCloseCode.tooBig, reason: "message over \(limits.messageBytes) bytes")
    }
  }

  private mutating func collect(_ data: UnsafeRawBufferPointer, of frame: IncomingFrame) throws(WebSocketError) {
    guard !frame.isControl else { return control.append(contentsOf: data) }
    if messageOpcode == Opcode.text, !utf8.accept(data) { throw .invalidText("text") }
    message.append(contentsOf: data)
  }

  private mutating func finishMessage() throws(WebSocketError) -> Whole {
    let isText = messageOpcode == Opcode.text
    guard !isText || utf8.isComplete else { throw .invalidText("text") }
    let whole = message
    // Not kept for the next message: an idle session holds no buffer.
    message = []
    messageOpcode = nil
    return isText ? .text(whole) : .binary(whole)
  }

  private mutating func finishControl(_ opcode: UInt8) -> Whole {
    let payload = control
    control = []
    switch opcode {
    case Opcode.ping: return .ping(payload)
    case Opcode.pong: return .pong(payload)
    default: return .close(payload)
    }
  }
}

/// RFC 6455, section 5.2.
enum Opcode {
  static let continuation: UInt8 = 0
  static let text: UInt8 = 1
  static let binary: UInt8 = 2
  static let close: UInt8 = 8
  static let ping: UInt8 = 9
  static let pong: UInt8 = 10
}
