import HTTPWire
import Telemetry

/// One client's connection to an `HTTPServer`: requests are answered one after the other, so that pipelined ones keep
/// their order; while one waits for its answer nothing more is read.
final class HTTPConnection: EventHandler {
  enum State {
    case reading
    case answering
    /// The head of an answer is out, its body goes out as it comes.
    case streaming
    /// An error was answered and the request not read to its end: what still comes is thrown away for a while, since
    /// closing now would reset the connection and take the answer with it.
    case draining
    case closed
  }

  /// Holds this connection until it is closed. Not weak and not unowned: either makes every retain of the server slow.
  let server: HTTPServer
  let socket: Socket
  var reader: HTTPReader
  var output = OutputBuffer()
  /// Read, but belonging to requests after the one that waits for its answer.
  var unread: [UInt8] = []
  var state = State.reading
  /// What the loop watches for; nil once it watches no more.
  var interest: EventLoop.Readiness? = .readable
  var isHalfClosed = false
  var isConsuming = false
  var closesAfterOutput = false
  private var hasSentContinue = false
  /// Whether the request at hand has been dispatched while its body was still to come.
  var isBodyComing = false
  /// Takes that body; nil where it is thrown away.
  var receiver: (any HTTPBodyReceiver)?
  /// Nothing is read of that body.
  var isPaused = false
  /// Of an answer that is streamed: in chunks, or, to HTTP/1.0, up to the connection's end.
  var isChunked = false
  var drainedAction: (() -> Void)?
  var exchange: UInt64 = 0
  var goneAction: (() -> Void)?
  /// When the present wait began, on the monotonic clock.
  var since: Int64
  var method = ""
  var path = ""
  var isHTTP10 = false
  /// Of an answer that is streamed: its status, and when its request came.
  var status = 0
  var began: Int64 = 0

  init(_ socket: Socket, server: HTTPServer) {
    self.socket = socket
    self.server = server
    reader = HTTPReader(.requests, limits: server.limits.reader)
    since = server.loop.clock.monotonicMilliseconds()
  }

  // MARK: Readiness

  func ready(_ readiness: EventLoop.Readiness) {
    if !readiness.isDisjoint(with: .gone), isHalfClosed || !readiness.contains(.readable) { return lose() }
    if readiness.contains(.writable), !flush() { return }
    guard !readiness.isDisjoint(with: [.readable, .closed]) else { return }
    switch state {
    case .reading where output.isEmpty: read()
    case .answering where isBodyComing: readBody()
    case .reading, .answering: if !readiness.isDisjoint(with: .closed) { clientFinished() }
    // A client that closes while it is sent something wants no more of it.
    case .streaming: if !readiness.isDisjoint(with: .closed) { lose() }
    case .draining: readOut()
    case .closed: break
    }
  }

  private func read() {
    let (result, bytes) = server.buffer.read(from: socket)
    switch result {
    case .bytes: consume(bytes)
    case .wouldBlock: break
    case .ended:
      reportIfTruncated()
      close()
    }
  }

  private func reportIfTruncated() {
    guard case .reading = state, reader.hasHead, !reader.isComplete, let onTruncatedRequest = server.onTruncatedRequest,
      let request = try? HTTPRequest(&reader)
    else { return }
    onTruncatedRequest(request)
  }

  /// The client closed its sending half, or all of it, before it had its answer.
  private func clientFinished() {
    guard goneAction == nil else { return lose() }
    isHalfClosed = true
    closesAfterOutput = true
    server.loop.change(descriptor: socket.descriptor, to: interest ?? [], tellingOfHalfClose: false)
  }

  func lose() {
    let (action, receiver) = (goneAction, receiver)
    reportIfTruncated()
    close()
    action?()
    receiver?.truncated()
  }

  private func readOut() {
    let (result, _) = server.buffer.read(from: socket)
    if case .ended = result { close() }
  }

  // MARK: Requests

  func consume(_ bytes: UnsafeRawBufferPointer) {
    isConsuming = true
    consumeRequest(bytes)
    while mayRead, !unread.isEmpty {
      let bytes = unread
      unread = []
      bytes.withUnsafeBytes { consumeRequest($0) }
    }
    isConsuming = false
    watchForWhatIsNext()
  }

  /// No answer is owed and none waits to be written.
  var mayRead: Bool {
    if case .reading = state { output.isEmpty && !closesAfterOutput } else { false }
  }

  private func consumeRequest(_ bytes: UnsafeRawBufferPointer) {
    if reader.isAtStart { since = server.loop.clock.monotonicMilliseconds() }
    do {
      var used = 0
      if let judge = server.judgeBody, !reader.hasHead {
        used = try reader.consumeHead(bytes)
        if reader.hasHead, !reader.isComplete, try dispatchHead(judge) {
          return consumeBody(UnsafeRawBufferPointer(rebasing: bytes[used...]))
        }
      }
      used += try reader.consume(UnsafeRawBufferPointer(rebasing: bytes[used...]))
      guard reader.isComplete else { return sendContinue() }
      if used < bytes.count { unread = Array(bytes[used...]) }
      dispatch()
    } catch {
      refuse(status: error.status, message: error.description)
    }
  }

  /// `curl` waits a second for this before it sends a large body (RFC 9110 section 10.1.1).
  func sendContinue() {
    guard reader.hasHead, !hasSentContinue, reader.headers.contains("expect", token: "100-continue") else { return }
    hasSentContinue = true
    StaticString("HTTP/1.1 100 Continue\r\n\r\n").withUTF8Buffer { send(UnsafeRawBufferPointer($0)) }
  }

  func beginExchange() {
    exchange += 1
    state = .answering
    hasSentContinue = false
    isHTTP10 = reader.isHTTP10
    if !reader.keepsAlive { closesAfterOutput = true }
  }

  private func dispatch() {
    beginExchange()
    do throws(HTTPDestinationError) {
      let request = try HTTPRequest(&reader)
      method = request.method
      if server.logsRequests {
        path = String(request.path)
        since = server.loop.clock.monotonicMilliseconds()
      }
      reader.reset()
      server.dispatch(request, responder: HTTPResponder(connection: self, exchange: exchange))
    } catch { refuse(status: 400, message: "\(error)") }
  }

  /// Answers what is no request that could be handled; nothing is read after it, for where it ends is not known.
  func refuse(status: Int, message: String) {
    exchange += 1
    state = .answering
    method = reader.method
    closesAfterOutput = true
    let body = Array("{\"message\":\"\(message)\"}".utf8)
    answer(exchange, status: status, headers: [("Content-Type", "application/json")], body: body)
    beginDraining()
  }

  /// Ends the connection once what is in `output` is written and the client has stopped sending.
  func beginDraining() {
    if case .closed = state { return }
    if isHalfClosed, output.isEmpty { return close() }
    state = .draining
    since = server.loop.clock.monotonicMilliseconds()
    if output.isEmpty { socket.finishWriting() }
    watch(output.isEmpty ? .readable : [.readable, .writable])
  }

  // MARK: Ending

  /// Closes or refuses a client that has kept the server waiting for too long.
  func checkTimeout(now: Int64) {
    let waited = now - since
    switch state {
    case .answering, .closed: break
    case .draining: if waited >= server.limits.drainMilliseconds { close() }
    case .streaming: if !output.isEmpty, waited >= server.limits.idleMilliseconds { lose() }
    case .reading where !output.isEmpty: if waited >= server.limits.idleMilliseconds { close() }
    case .reading where reader.isAtStart: if waited >= server.limits.idleMilliseconds { close() }
    case .reading: if waited >= server.limits.requestMilliseconds { timeOut() }
    }
  }

  private func timeOut() {
    exchange += 1
    state = .answering
    closesAfterOutput = true
    answer(exchange, status: 408, headers: [], body: [])
  }

  func close() {
    if case .closed = state { return }
    state = .closed
    unread = []
    receiver = nil
    isBodyComing = false
    leaveLoop()
    socket.close()
  }

  /// Asks the loop for what is waited for, if that is not what it watches already.
  func watch(_ wanted: EventLoop.Readiness) {
    guard let interest, wanted != interest else { return }
    self.interest = wanted
    server.loop.change(descriptor: socket.descriptor, to: wanted, tellingOfHalfClose: !isHalfClosed && !isPaused)
  }

  func leaveLoop() {
    guard interest != nil else { return }
    interest = nil
    server.loop.remove(descriptor: socket.descriptor)
    server.forget(socket)
  }
}

extension HTTPWireError {
  /// What a client is answered that sent this.
  var status: Int {
    switch code {
    case .headTooLarge: 431
    case .bodyTooLarge: 413
    case .unsupportedTransferEncoding: 501
    case .unsupportedVersion: 505
    default: 400
    }
  }
}
