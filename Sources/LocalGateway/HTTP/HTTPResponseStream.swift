import HTTPWire
import Telemetry

/// An answer whose body goes out as it comes: in chunks, or, to a client that speaks HTTP/1.0, up to the connection's
/// end (RFC 9112 section 6.3). What is written goes out at once, as far as the client takes it.
struct HTTPResponseStream {
  private let connection: HTTPConnection
  private let exchange: UInt64

  init(connection: HTTPConnection, exchange: UInt64) {
    self.connection = connection
    self.exchange = exchange
  }

  /// False once it has ended or the client has gone.
  var isOpen: Bool { connection.isStreaming(exchange) }

  /// What the client has not taken yet, beside what the kernel keeps for it.
  var pendingBytes: Int { isOpen ? connection.output.count : 0 }

  func write(_ bytes: [UInt8]) { connection.stream(exchange, bytes: bytes) }

  /// The body is whole.
  func finish() { connection.finishStream(exchange) }

  /// Ends the connection inside the body, after what waits: to a client that reads chunks the body is not whole.
  func cut() { connection.cutStream(exchange) }

  /// Calls the one when the client has gone, the other each time it has taken everything that waited.
  func on(gone: @escaping () -> Void, drained: @escaping () -> Void) {
    guard isOpen else { return }
    connection.goneAction = gone
    connection.drainedAction = drained
  }
}

extension HTTPResponder {
  /// Sends the head of an answer. Nil if there is nothing to stream: the client has gone, or the answer has no body
  /// (HEAD, 204, 304) and is whole with this.
  func stream(status: Int, headers: [(name: String, value: String)]) -> HTTPResponseStream? {
    connection.beginStream(exchange, status: status, headers: headers)
  }

  /// Of a request whose body is handed on while it comes: nothing is read of it until `resumeBody`.
  func pauseBody() { connection.pauseBody(exchange) }
  func resumeBody() { connection.resumeBody(exchange) }
}

extension HTTPConnection {
  func isStreaming(_ exchange: UInt64) -> Bool {
    if case .streaming = state { self.exchange == exchange } else { false }
  }

  func beginStream(
    _ exchange: UInt64, status: Int, headers: [(name: String, value: String)]
  ) -> HTTPResponseStream? {
    guard isAnswering(exchange) else { return nil }
    let hasBody = method != "HEAD" && status != 204 && status != 304
    isChunked = hasBody && !isHTTP10
    if hasBody, isHTTP10 { closesAfterOutput = true }
    var headers = headers
    if isChunked { headers.append((name: "Transfer-Encoding", value: "chunked")) }
    // HTTP/1.1 keeps it without being told; the fronts say so all the same, and clients look for it.
    headers.append((name: "Connection", value: closesAfterOutput ? "close" : "keep-alive"))
    var bytes: [UInt8] = []
    HTTPWriter.append(response: status, headers: headers, body: nil, to: &bytes)
    self.status = status
    began = since
    state = .streaming
    goneAction = nil
    bytes.withUnsafeBytes { send($0) }
    guard hasBody else {
      finishStream(exchange)
      return nil
    }
    guard isStreaming(exchange) else { return nil }
    watch(output.isEmpty ? [] : .writable)
    return HTTPResponseStream(connection: self, exchange: exchange)
  }

  func stream(_ exchange: UInt64, bytes: [UInt8]) {
    guard isStreaming(exchange), !bytes.isEmpty else { return }
    if output.isEmpty { since = server.loop.clock.monotonicMilliseconds() }
    if isChunked {
      var chunk: [UInt8] = []
      chunk.reserveCapacity(bytes.count + 12)
      HTTPWriter.append(chunk: bytes, to: &chunk)
      chunk.withUnsafeBytes { send($0) }
    } else {
      bytes.withUnsafeBytes { send($0) }
    }
    if isStreaming(exchange), !output.isEmpty { watch(.writable) }
  }

  func finishStream(_ exchange: UInt64) {
    guard isStreaming(exchange) else { return }
    endStream()
    state = .reading
    if isChunked { StaticString("0\r\n\r\n").withUTF8Buffer { send(UnsafeRawBufferPointer($0)) } }
    if !isConsuming { goOn() }
  }

  func cutStream(_ exchange: UInt64) {
    guard isStreaming(exchange) else { return }
    endStream()
    closesAfterOutput = true
    beginDraining()
  }

  private func endStream() {
    if server.logsRequests { server.log(method, path: path, status: status, since: began) }
    goneAction = nil
    drainedAction = nil
    since = server.loop.clock.monotonicMilliseconds()
  }
}
