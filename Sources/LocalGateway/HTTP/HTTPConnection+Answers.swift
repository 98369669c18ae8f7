import HTTPWire
import Telemetry

/// The way out: answers in the order of the requests, kept while the client does not read, and what is done after them.
extension HTTPConnection {
  func isAnswering(_ exchange: UInt64) -> Bool {
    if case .answering = state { self.exchange == exchange } else { false }
  }

  func onClientGone(_ exchange: UInt64, _ action: @escaping () -> Void) {
    if isAnswering(exchange) { goneAction = action }
  }

  func answer(_ exchange: UInt64, status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
    guard isAnswering(exchange) else { return }
    var headers = headers
    if isBodyComing { closesAfterOutput = true }
    if closesAfterOutput { headers.append(("Connection", "close")) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256 + body.count)
    if method == "HEAD" || status == 204 || status == 304 {
      if status != 204, status != 304 { headers.append(("Content-Length", String(body.count))) }
      HTTPWriter.append(response: status, headers: headers, body: nil, to: &bytes)
    } else {
      HTTPWriter.append(response: status, headers: headers, body: body, to: &bytes)
    }
    bytes.withUnsafeBytes { finish(status: status, bytes: $0) }
  }

  func answer(_ exchange: UInt64, status: Int, prepared: StaticString) {
    guard isAnswering(exchange) else { return }
    if isBodyComing { closesAfterOutput = true }
    prepared.withUTF8Buffer { finish(status: status, bytes: UnsafeRawBufferPointer($0)) }
  }

  /// Closes the connection in the place of an answer.
  func abandon(_ exchange: UInt64) {
    if isAnswering(exchange) { close() }
  }

  private func finish(status: Int, bytes: UnsafeRawBufferPointer) {
    if server.logsRequests { server.log(method, path: path, status: status, since: since) }
    goneAction = nil
    state = .reading
    since = server.loop.clock.monotonicMilliseconds()
    send(bytes)
    // Where a body ends that was not read to its end is not known.
    if isBodyComing { return stopReceiving() }
    // While requests are read out of a buffer, its loop goes on by itself.
    if !isConsuming { goOn() }
  }

  func send(_ bytes: UnsafeRawBufferPointer) {
    if !write(bytes, to: socket, behind: &output) { lose() }
  }

  /// Writes on; true if everything is written and the connection lives.
  func flush() -> Bool {
    guard output.write(to: socket) else {
      lose()
      return false
    }
    guard output.isEmpty else {
      since = server.loop.clock.monotonicMilliseconds()
      return false
    }
    switch state {
    case .draining:
      if isHalfClosed { close() } else { socket.finishWriting() }
      watch(.readable)
    case .streaming:
      watch([])
      drainedAction?()
    default: goOn()
    }
    if case .closed = state { return false }
    return true
  }

  /// After an answer that did not come at once, or had to wait for the client to read: the requests read meanwhile.
  func goOn() {
    guard mayRead, !unread.isEmpty else { return watchForWhatIsNext() }
    let bytes = unread
    unread = []
    bytes.withUnsafeBytes { consume($0) }
  }

  func watchForWhatIsNext() {
    switch state {
    case .reading where !output.isEmpty: watch(.writable)
    case .reading where closesAfterOutput: beginDraining()
    case .reading: watch(.readable)
    case .answering: watch(isBodyComing && !isPaused ? .readable : [])
    case .streaming: watch(output.isEmpty ? [] : .writable)
    case .draining, .closed: break
    }
  }

  func upgrade(_ exchange: UInt64, headers: [(name: String, value: String)]) -> UpgradedConnection? {
    guard isAnswering(exchange) else { return nil }
    var bytes: [UInt8] = []
    HTTPWriter.append(response: 101, headers: headers, body: nil, to: &bytes)
    guard bytes.withUnsafeBytes({ write($0, to: socket, behind: &output) }) else {
      close()
      return nil
    }
    if server.logsRequests { server.log(method, path: path, status: 101, since: since) }
    state = .closed
    goneAction = nil
    leaveLoop()
    defer { unread = [] }
    return UpgradedConnection(socket: socket, input: unread, output: output)
  }
}
