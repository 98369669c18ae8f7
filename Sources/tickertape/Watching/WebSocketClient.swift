import HTTPClient
import HTTPWire
import Telemetry
import WebSocketWire

/// One WebSocket connection from the client's side: the handshake, then messages both ways, all on the caller's thread.
final class WebSocketClient {
  enum Occurrence: Equatable {
    case text([UInt8])
    /// The other side closed; without a code it gave none, or the connection just broke.
    case closed(code: UInt16?, reason: String)
    case timeIsUp
    case interrupted
  }

  private static let handshakeMilliseconds: Int64 = 35_000
  private static let sendMilliseconds: Int64 = 10_000
  private static let closeMilliseconds: Int64 = 1_000

  private let connection: Connection
  private let clock: Clock
  private let signal: TerminationSignal
  private var session: WebSocketSession
  private var received = [UInt8](repeating: 0, count: 64 << 10)
  private var occurrences: [Occurrence] = []
  private var hasClosed = false

  /// Opens the connection and waits for the answer to the handshake, which API Gateway gives within 29 s.
  init(
    url: HTTPURL, headers: [(name: String, value: String)], dialer: Dialer, clock: Clock,
    signal: TerminationSignal
  ) throws(WatchFailure) {
    self.clock = clock
    self.signal = signal
    do { connection = try dialer.open(url: url, connectMilliseconds: 10_000) } catch { throw .unreachable(error) }
    session = WebSocketSession(role: .client, codec: FrameCodec())
    try shakeHands(url: url, headers: headers)
  }

  /// The next thing that happens, until `deadline` (of the clock that never goes back, in milliseconds; nil is never).
  func next(until deadline: Int64?) -> Occurrence {
    while true {
      if !occurrences.isEmpty { return occurrences.removeFirst() }
      do {
        if try receive() { continue }
      } catch {
        return .closed(code: nil, reason: error.message)
      }
      if let end = wait(until: deadline) { return end }
    }
  }

  func send(_ text: [UInt8]) throws(HTTPClientError) {
    var output: [UInt8] = []
    session.append(text: text, to: &output)
    try write(output)
  }

  /// Says goodbye, and waits a second for the other side to do so too.
  func close() {
    var output: [UInt8] = []
    session.close(code: WebSocketCloseCode.normal, output: &output)
    guard (try? write(output)) != nil else { return }
    let deadline = clock.monotonicMilliseconds() + Self.closeMilliseconds
    while !hasClosed, clock.monotonicMilliseconds() < deadline, let more = try? receive() {
      if !more { _ = System.wait(forReadable: [connection.descriptor], milliseconds: Self.closeMilliseconds) }
    }
  }

  // MARK: Handshake

  private func shakeHands(url: HTTPURL, headers: [(name: String, value: String)]) throws(WatchFailure) {
    let key = WebSocketHandshake.makeKey()
    var request: [UInt8] = []
    HTTPWriter.append(
      request: "GET", target: url.target,
      headers: [
        ("Host", url.authority), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"), ("User-Agent", "tickertape/\(Tool.version)"),
      ] + headers, body: nil, to: &request)
    do {
      try write(request)
    } catch {
      throw .unreachable(error)
    }
    let (response, rest) = try readResponse()
    guard response.status == 101 else {
      throw .refused(status: response.status, date: response.headers["date"], body: response.body)
    }
    try Self.check(response.headers, key: key)
    consume(rest[...])
  }

  /// What RFC 6455 section 4.1 asks of a 101. No extension was offered, so none may be chosen.
  private static func check(_ headers: HTTPHeaders, key: String) throws(WatchFailure) {
    guard headers.values("sec-websocket-accept") == [WebSocketHandshake.accept(forKey: key)] else {
      throw .notWebSocket("the answer 101 does not bear the key that was sent")
    }
    guard headers.contains("upgrade", token: "websocket"), headers.contains("connection", token: "upgrade") else {
      throw .notWebSocket("the answer 101 changes to another protocol")
    }
    guard headers["sec-websocket-extensions"] == nil else {
      throw .notWebSocket("the answer 101 chooses an extension that was not offered")
    }
  }

  /// The answer, and what came after it in the same packet.
  private func readResponse() throws(WatchFailure) -> (HTTPReader, [UInt8]) {
    var reader = HTTPReader(.responses, limits: .init(bodyBytes: 1 << 20))
    let deadline = clock.monotonicMilliseconds() + Self.handshakeMilliseconds
    while true {
      switch try receiveForHandshake() {
      case .bytes(let count):
        let used = try Self.read(received[..<count], with: &reader)
        if reader.isComplete { return (reader, Array(received[used..<count])) }
      case .closed:
        do { try reader.finish() } catch { throw .notWebSocket("the connection was closed without an answer") }
        return (reader, [])
      case .wouldBlock:
        switch wait(until: deadline) {
        case .timeIsUp: throw .notWebSocket("no answer to the handshake")
        case .interrupted: throw .interrupted
        default: break
        }
      }
    }
  }

  private func receiveForHandshake() throws(WatchFailure) -> Connection.Transfer {
    do { return try connection.receive(into: &received) } catch { throw .unreachable(error) }
  }

  private static func read(_ bytes: ArraySlice<UInt8>, with reader: inout HTTPReader) throws(WatchFailure) -> Int {
    do {
      return try bytes.withUnsafeBytes { bytes throws(HTTPWireError) in try reader.consume(bytes) }
    } catch {
      throw .notWebSocket("the answer is not HTTP: \(error)")
    }
  }

  // MARK: Bytes

  /// Takes in what has come; false if nothing had.
  private func receive() throws(HTTPClientError) -> Bool {
    if hasClosed { return false }
    switch try connection.receive(into: &received) {
    case .bytes(let count): consume(received[..<count])
    case .closed: end(code: nil, reason: "")
    case .wouldBlock: return false
    }
    return true
  }

  private func consume(_ bytes: ArraySlice<UInt8>) {
    var output: [UInt8] = []
    bytes.withUnsafeBytes { bytes in
      var input = bytes
      do throws(WebSocketError) {
        while let message = try session.next(&input, output: &output) { record(message) }
      } catch {
        end(code: error.closeCode, reason: error.reason)
      }
    }
    // If nothing can be sent any more, receiving will tell.
    try? write(output)
  }

  private func record(_ message: WebSocketMessage) {
    switch message {
    case .text(let bytes), .binary(let bytes): occurrences.append(.text(bytes))
    case .ping, .pong: break
    case .close(let code, let reason): end(code: code, reason: reason)
    }
  }

  private func end(code: UInt16?, reason: String) {
    if !hasClosed { occurrences.append(.closed(code: code, reason: reason)) }
    hasClosed = true
  }

  /// Writes everything, waiting while the other side does not read.
  private func write(_ bytes: [UInt8]) throws(HTTPClientError) {
    var start = 0
    let deadline = clock.monotonicMilliseconds() + Self.sendMilliseconds
    while start < bytes.count {
      if case .bytes(let count) = try connection.send(bytes, from: start) {
        start += count
      } else if clock.monotonicMilliseconds() < deadline {
        System.waitUntilWritable(descriptor: connection.descriptor, milliseconds: 100)
      } else {
        throw HTTPClientError(
          .timedOut, tried: "send", host: connection.url.origin, message: "the other side does not read")
      }
    }
  }

  /// Waits for bytes; nil if some may have come.
  private func wait(until deadline: Int64?) -> Occurrence? {
    let now = clock.monotonicMilliseconds()
    if let deadline, deadline <= now { return .timeIsUp }
    let ready = System.wait(
      forReadable: [connection.descriptor, signal.descriptor], milliseconds: deadline.map { $0 - now } ?? -1)
    return ready[1] ? .interrupted : nil
  }
}
