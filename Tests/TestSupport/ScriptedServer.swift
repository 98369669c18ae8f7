import Glibc
import Synchronization

/// An HTTP/1.1 server on the loopback that answers each request as a script says, well or badly.
///
///     let server = ScriptedServer { request in request.number == 3 ? [.close] : [.answer(200)] }
///     server.port, server.requests
///
/// A thread a connection; all end with `stop()` or with the server.
package final class ScriptedServer: Sendable {
  package struct Request: Sendable {
    /// Counts all requests of this server from 1.
    package let number: Int
    /// Counts the connections of this server from 1.
    package let connection: Int
    package let method: String
    package let target: String
    /// The lines between the request line and the body.
    package let head: String
    package let body: [UInt8]
  }

  package enum Step: Sendable {
    case bytes([UInt8])
    /// Each byte in a segment of its own.
    case trickle([UInt8])
    /// Ends the connection in order.
    case close
    /// Breaks the connection: the client sees it reset.
    case reset
    /// Says nothing until the client closes.
    case silence
    /// Whatever comes, as it comes, is answered by this until the client closes.
    case conversation(@Sendable ([UInt8]) -> [UInt8])

    /// A whole answer without a body.
    package static func answer(_ status: Int, headers: String = "") -> Step {
      .bytes(Array("HTTP/1.1 \(status) Status\r\n\(headers)Content-Length: 0\r\n\r\n".utf8))
    }

    package static func text(_ text: String) -> Step { .bytes(Array(text.utf8)) }
  }

  package typealias Script = @Sendable (Request) -> [Step]

  package let port: Int
  private let listener: Int32
  private let script: Script
  private let state = Mutex(State())

  private struct State {
    var requests: [Request] = []
    var requestCount = 0
    var connectionCount = 0
    var descriptors: Set<Int32> = []
    var threads: [pthread_t] = []
    var isStopped = false
  }

  package init(_ script: @escaping Script) {
    self.script = script
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    port = withUnsafeMutablePointer(to: &address) { [listener] pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(listener, generic, length)
        listen(listener, 1024)
        getsockname(listener, generic, &length)
      }
      return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
    run { $0.accept() }
  }

  deinit { close(listener) }

  /// Every request that was read whole, in the order they were.
  package var requests: [Request] { state.withLock { $0.requests } }
  package var connectionCount: Int { state.withLock { $0.connectionCount } }
  package var url: String { "http://127.0.0.1:\(port)" }

  /// Ends every connection now open; the listener stays.
  package func closeConnections() {
    state.withLock { for descriptor in $0.descriptors { shutdown(descriptor, Int32(SHUT_RDWR)) } }
  }

  /// Ends the listener and every connection, and waits for the threads.
  package func stop() {
    state.withLock { $0.isStopped = true }
    shutdown(listener, Int32(SHUT_RDWR))
    closeConnections()
    while let thread = state.withLock({ $0.threads.popLast() }) { pthread_join(thread, nil) }
  }

  // MARK: Threads

  private final class Job {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }

  private func run(_ body: @escaping @Sendable (ScriptedServer) -> Void) {
    let job = Unmanaged.passRetained(Job { body(self) })
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Job>.fromOpaque(context!).takeRetainedValue().body()
        return nil
      }, job.toOpaque())
    state.withLock { $0.threads.append(thread) }
  }

  private func accept() {
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      guard descriptor >= 0 else { return }
      var one: Int32 = 1
      setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      let number: Int? = state.withLock {
        guard !$0.isStopped else { return nil }
        $0.connectionCount += 1
        $0.descriptors.insert(descriptor)
        return $0.connectionCount
      }
      guard let number else {
        close(descriptor)
        return
      }
      run { $0.serve(descriptor, number) }
    }
  }

  private func serve(_ descriptor: Int32, _ connection: Int) {
    var buffer: [UInt8] = []
    serving: while let request = readRequest(descriptor, connection, &buffer) {
      for step in script(request) where !perform(step, descriptor) { break serving }
    }
    state.withLock { _ = $0.descriptors.remove(descriptor) }
    close(descriptor)
  }

  /// False when the connection is to be closed.
  private func perform(_ step: Step, _ descriptor: Int32) -> Bool {
    switch step {
    case .bytes(let bytes): return sendAll(bytes[...], descriptor)
    case .trickle(let bytes): return bytes.indices.allSatisfy { sendAll(bytes[$0...$0], descriptor) }
    case .close: return false
    case .reset:
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
      return false
    case .silence:
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, 0) > 0 {}
      return false
    case .conversation(let answer):
      var piece = [UInt8](repeating: 0, count: 65_536)
      while case let count = recv(descriptor, &piece, piece.count, 0), count > 0 {
        guard sendAll(answer(Array(piece[..<count]))[...], descriptor) else { return false }
      }
      return false
    }
  }

  private func sendAll(_ bytes: ArraySlice<UInt8>, _ descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  // MARK: Requests

  private func readRequest(_ descriptor: Int32, _ connection: Int, _ buffer: inout [UInt8]) -> Request? {
    while true {
      if let request = takeRequest(connection, &buffer) { return request }
      var piece = [UInt8](repeating: 0, count: 65_536)
      let count = recv(descriptor, &piece, piece.count, 0)
      guard count > 0 else { return nil }
      buffer += piece[..<count]
    }
  }

  /// The first whole request of the buffer, moved out of it.
  private func takeRequest(_ connection: Int, _ buffer: inout [UInt8]) -> Request? {
    guard let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
    let lines = head.split(separator: "\r\n")
    let length =
      lines.first { $0.lowercased().hasPrefix("content-length:") }
      .flatMap { Int($0.dropFirst("content-length:".count).filter { $0 != " " }) } ?? 0
    guard buffer.count >= end.upperBound + length else { return nil }
    let start = lines[0].split(separator: " ")
    let body = Array(buffer[end.upperBound..<end.upperBound + length])
    buffer.removeFirst(end.upperBound + length)
    return state.withLock {
      $0.requestCount += 1
      let request = Request(
        number: $0.requestCount, connection: connection, method: String(start[0]), target: String(start[1]),
        head: lines.dropFirst().joined(separator: "\n"), body: body)
      $0.requests.append(request)
      return request
    }
  }
}
