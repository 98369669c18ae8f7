import HTTPWire
import Telemetry
import Testing
import WebSocketWire

@testable import LocalGateway

/// A loop that a test turns by itself until what it waits for has happened: no threads, no sleeps.
final class TestLoop {
  let loop: EventLoop

  init() throws { loop = try EventLoop() }

  /// Turns the loop until `condition` holds; records a failure if it does not within ten seconds.
  func wait(
    _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation, until condition: () -> Bool
  ) throws {
    let end = loop.clock.monotonicMilliseconds() + 10_000
    while !condition() {
      try #require(
        loop.clock.monotonicMilliseconds() < end, "waited in vain \(what)", sourceLocation: sourceLocation)
      loop.turn(waitingAtMostMilliseconds: 20)
    }
  }

  /// Gives everything that is ready its turn, a few times over.
  func settle() { for _ in 0..<10 { loop.turn(waitingAtMostMilliseconds: 2) } }
}

/// A client's socket, in the loop of the server it talks to. Keeps what comes.
final class LoopbackClient: EventHandler {
  private(set) var received: [UInt8] = []
  private(set) var hasEnded = false
  /// Turned off, what comes stays in the kernel.
  var reads = true {
    didSet { watch() }
  }
  private let socket: Socket
  private let loop: EventLoop
  private let buffer = ReadBuffer()
  private var output = OutputBuffer()
  private var isClosed = false

  init(port: UInt16, loop: EventLoop) throws {
    self.loop = loop
    socket = try Socket.connect(port: port)
    try loop.add(descriptor: socket.descriptor, interest: [.readable, .writable], handler: self)
  }

  deinit { close() }

  func ready(_ readiness: EventLoop.Readiness) {
    if readiness.contains(.writable) {
      _ = output.write(to: socket)
      watch()
    }
    guard reads, !readiness.isDisjoint(with: [.readable, .closed]), !isClosed else { return }
    let (result, bytes) = buffer.read(from: socket)
    switch result {
    case .bytes: received.append(contentsOf: bytes)
    case .wouldBlock: break
    case .ended:
      hasEnded = true
      watch()
    }
  }

  func send(_ bytes: [UInt8]) {
    output.append(bytes)
    watch()
  }

  private func watch() {
    guard !isClosed else { return }
    let hears = reads && !hasEnded
    let wanted: EventLoop.Readiness = hears ? .readable : []
    loop.change(
      descriptor: socket.descriptor, to: output.isEmpty ? wanted : wanted.union(.writable), tellingOfHalfClose: hears)
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func consume() -> [UInt8] {
    defer { received = [] }
    return received
  }

  /// Whether the kernel has everything that was to be sent.
  var hasSentAll: Bool { output.isEmpty }
  var unsentBytes: Int { output.count }

  func finishWriting() { socket.finishWriting() }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    loop.remove(descriptor: socket.descriptor)
    socket.close()
  }
}

/// Requests over one kept-alive connection.
final class HTTPTestClient {
  let client: LoopbackClient
  private let test: TestLoop
  private let port: UInt16
  private var leftover: [UInt8] = []

  init(port: UInt16, test: TestLoop) throws {
    self.port = port
    self.test = test
    client = try LoopbackClient(port: port, loop: test.loop)
  }

  func send(_ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil) {
    var head = "\(method) \(target) HTTP/1.1\r\n"
    if !headers.contains(where: { $0.lowercased().hasPrefix("host:") }) { head += "Host: 127.0.0.1:\(port)\r\n" }
    for header in headers { head += header + "\r\n" }
    if let body { head += "Content-Length: \(body.count)\r\n" }
    client.send(Array((head + "\r\n").utf8) + (body ?? []))
  }

  /// The next answer.
  func answer(sourceLocation: SourceLocation = #_sourceLocation) throws -> HTTPReader {
    var reader = HTTPReader(.responses)
    try test.wait("for an answer", sourceLocation: sourceLocation) {
      leftover += client.consume()
      let used = leftover.withUnsafeBytes { (try? reader.consume($0)) ?? 0 }
      leftover.removeFirst(used)
      return reader.isComplete || client.hasEnded
    }
    try #require(reader.isComplete, "connection ended without an answer", sourceLocation: sourceLocation)
    return reader
  }

  func request(
    _ method: String, _ target: String, headers: [String] = [], body: [UInt8]? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> HTTPReader {
    send(method, target, headers: headers, body: body)
    return try answer(sourceLocation: sourceLocation)
  }

  /// What came after the last answer.
  func takeRest() -> [UInt8] {
    defer { leftover = [] }
    return leftover + client.consume()
  }
}

/// A WebSocket client.
final class WebSocketTestClient {
  let http: HTTPTestClient
  private let test: TestLoop
  private var session = WebSocketSession(role: .client, codec: FrameCodec())
  private var inbox: [WebSocketMessage] = []

  init(port: UInt16, test: TestLoop) throws {
    self.test = test
    http = try HTTPTestClient(port: port, test: test)
  }

  static let handshakeHeaders = [
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]

  func sendHandshake(_ target: String = "/dev", headers: [String] = []) {
    http.send("GET", target, headers: Self.handshakeHeaders + headers)
  }

  /// Connects, expecting to be let in.
  @discardableResult
  func open(
    _ target: String = "/dev", headers: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> HTTPReader {
    sendHandshake(target, headers: headers)
    let answer = try http.answer(sourceLocation: sourceLocation)
    #expect(answer.status == 101, sourceLocation: sourceLocation)
    return answer
  }

  func send(text: String) { output { $0.append(text: Array(text.utf8), to: &$1) } }
  func send(binary: [UInt8]) { output { $0.append(binary: binary, to: &$1) } }
  func send(ping: [UInt8]) { output { $0.append(ping: ping, to: &$1) } }
  func close(code: UInt16?, reason: String = "") { output { $0.close(code: code, reason: reason, output: &$1) } }

  private func output(_ write: (inout WebSocketSession, inout [UInt8]) -> Void) {
    var bytes: [UInt8] = []
    write(&session, &bytes)
    http.client.send(bytes)
  }

  /// The next message, or nil if the connection ended.
  func next(sourceLocation: SourceLocation = #_sourceLocation) throws -> WebSocketMessage? {
    try test.wait("for a frame", sourceLocation: sourceLocation) {
      pull()
      return !inbox.isEmpty || http.client.hasEnded
    }
    return inbox.isEmpty ? nil : inbox.removeFirst()
  }

  /// The next message's text; "" if it is no text.
  func text(sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    if case .text(let bytes) = try next(sourceLocation: sourceLocation) {
      String(decoding: bytes, as: UTF8.self)
    } else {
      ""
    }
  }

  /// Whether nothing came after everything that was ready had its turn.
  func isSilent() -> Bool {
    test.settle()
    pull()
    return inbox.isEmpty
  }

  private func pull() {
    let bytes = http.takeRest()
    var answer: [UInt8] = []
    bytes.withUnsafeBytes { all in
      var input = all
      while let message = try? session.next(&input, output: &answer) { inbox.append(message) }
    }
    if !answer.isEmpty { http.client.send(answer) }
  }
}
