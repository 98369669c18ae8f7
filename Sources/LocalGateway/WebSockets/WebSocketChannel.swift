import WebSocketWire

/// Hears what comes in on a channel.
protocol WebSocketChannelOwner: AnyObject {
  /// Pings and pongs are not told of, nor is a close.
  func received(_ message: WebSocketMessage)

  /// Once; nothing is told of after it. The code is the client's, ours, 1005 if the client gave none, or 1006 if the
  /// connection ended without a close.
  func ended(code: UInt16, reason: String)
}

/// A socket in the loop with a WebSocket session over it. It closes the socket itself, after the closing handshake.
final class WebSocketChannel: EventHandler {
  private enum State {
    case open
    /// A close frame is written: waits for the other side's, or for its end of the connection.
    case closing(isPastOneSweep: Bool)
    case closed
  }

  private let hub: WebSocketHub
  private let socket: Socket
  private var session: WebSocketSession
  private var output: OutputBuffer
  private var state = State.open
  /// Alive for as long as the channel is open; the two know each other only until `ended`.
  private var owner: (any WebSocketChannelOwner)?
  private let sendBufferBytes: Int32
  private var interest: EventLoop.Readiness = .readable

  /// Takes over a connection that was upgraded. Nothing is read before `start`.
  init(_ connection: UpgradedConnection, limits: WebSocketSession.Limits, sendBufferBytes: Int, hub: WebSocketHub) {
    socket = connection.socket
    output = connection.output
    session = WebSocketSession(role: .server, limits: limits, codec: hub.codec)
    self.sendBufferBytes = Int32(clamping: sendBufferBytes)
    self.hub = hub
  }

  /// Begins to read; `input` is what the client sent together with its request.
  func start(_ owner: any WebSocketChannelOwner, input: [UInt8]) {
    self.owner = owner
    do {
      try hub.loop.add(descriptor: socket.descriptor, interest: .readable, handler: self)
    } catch {
      state = .closed
      socket.close()
      return finish(code: WebSocketCloseCode.abnormal, reason: "")
    }
    if !input.isEmpty { input.withUnsafeBytes { consume($0) } }
    updateInterest()
  }

  // MARK: Sending

  /// Bytes that the socket has not taken yet.
  var waitingBytes: Int { output.count }

  /// Whether `bytes` more would be more than the client may leave waiting.
  func isFull(for bytes: Int) -> Bool { !output.isEmpty && output.count + bytes > Int(sendBufferBytes) }

  /// Sends UTF-8 as a text message.
  func send(text: UnsafeRawBufferPointer) {
    session.append(text: text, to: &hub.frames)
    writeFrames()
  }

  func send(text: [UInt8]) { text.withUnsafeBytes { send(text: $0) } }

  func send(binary: [UInt8]) {
    session.append(binary: binary, to: &hub.frames)
    writeFrames()
  }

  /// Says goodbye: the owner is told at once, the socket closes when the client has answered, or after a while.
  func close(code: UInt16, reason: String) {
    guard case .open = state else { return }
    session.close(code: code, reason: reason, output: &hub.frames)
    beginClosing()
    writeFrames()
    finish(code: code, reason: reason)
  }

  private func writeFrames() {
    guard !hub.frames.isEmpty else { return }
    if case .closed = state { return hub.frames.removeAll(keepingCapacity: true) }
    let isAlive = hub.frames.withUnsafeBytes { write($0, to: socket, behind: &output) }
    // One large message does not stay in memory for ever.
    hub.frames.removeAll(keepingCapacity: hub.frames.capacity <= 256 << 10)
    if !isAlive { lose() } else if !output.isEmpty { updateInterest() }
  }

  // MARK: Receiving

  func ready(_ readiness: EventLoop.Readiness) {
    if !readiness.isDisjoint(with: .gone), !readiness.contains(.readable) { return lose() }
    if readiness.contains(.writable) {
      guard output.write(to: socket) else { return lose() }
      if session.isOver { finishSocket() }
    }
    if !readiness.isDisjoint(with: [.readable, .closed]) { read() }
    updateInterest()
  }

  private func read() {
    let (result, bytes) = hub.buffer.read(from: socket)
    switch result {
    // After the closing handshake what still comes is thrown away.
    case .bytes: if !session.isOver { consume(bytes) }
    case .wouldBlock: break
    case .ended: lose()
    }
  }

  private func consume(_ bytes: UnsafeRawBufferPointer) {
    var input = bytes
    do throws(WebSocketError) {
      while let message = try session.next(&input, output: &hub.frames) {
        writeFrames()
        deliver(message)
        if case .closed = state { return }
      }
      writeFrames()
    } catch {
      beginClosing()
      writeFrames()
      finish(code: error.closeCode, reason: error.reason)
      finishSocket()
    }
  }

  private func deliver(_ message: WebSocketMessage) {
    switch message {
    case .text, .binary: owner?.received(message)
    case .ping, .pong: break
    case .close(let code, let reason):
      beginClosing()
      finish(
        code: code ?? WebSocketCloseCode.noStatus,
        reason: code == nil ? "Client-side close frame status not set" : reason)
      finishSocket()
    }
  }

  // MARK: Ending

  private func beginClosing() {
    guard case .open = state else { return }
    state = .closing(isPastOneSweep: false)
    hub.isClosing(self)
  }

  /// Both sides have said goodbye, or there is nothing more to say: ends our half, and waits for the client to end its
  /// own, since closing while it still sends would take our close frame from it.
  private func finishSocket() {
    if case .closed = state { return }
    if output.isEmpty { socket.finishWriting() }
  }

  private func finish(code: UInt16, reason: String) {
    let owner = self.owner
    self.owner = nil
    owner?.ended(code: code, reason: reason)
  }

  /// The connection is gone.
  private func lose() {
    drop()
    finish(code: WebSocketCloseCode.abnormal, reason: "")
  }

  /// Closes the socket as it is.
  func drop() {
    if case .closed = state { return }
    state = .closed
    output = OutputBuffer()
    hub.loop.remove(descriptor: socket.descriptor)
    hub.isClosed(self)
    socket.close()
  }

  /// Called by the hub's sweep while it closes.
  func timeOut() {
    if case .closing(isPastOneSweep: false) = state { state = .closing(isPastOneSweep: true) } else { drop() }
  }

  /// A client that does not read what it is sent is not read from either.
  private func updateInterest() {
    if case .closed = state { return }
    var wanted: EventLoop.Readiness = output.isEmpty ? [] : .writable
    if output.count <= Int(sendBufferBytes) { wanted.insert(.readable) }
    guard wanted != interest else { return }
    interest = wanted
    hub.loop.change(descriptor: socket.descriptor, to: wanted, tellingOfHalfClose: wanted.contains(.readable))
  }
}
