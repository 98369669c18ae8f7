import Glibc
import HTTPWire
import Synchronization
import TestSupport

/// A Runtime API on a loopback port that follows a script and holds the client to the protocol: each step says which
/// request must come and what is answered. Any other request is a violation, answered with 403 as Lambda does. After
/// the last step it answers `next` with 403, which ends the client.
final class ScriptedRuntimeAPI: Sendable {
  struct Step: Sendable {
    enum Request: Sendable {
      case next
      case response(id: String)
      case error(id: String)
      case initError
    }

    /// What becomes of the answer on its way.
    enum Delivery: Sendable {
      case whole
      /// In two sends.
      case split(at: Int)
      /// The connection is closed instead.
      case dropped
      /// The connection is closed after that many bytes.
      case cut(after: Int)
      /// The connection is closed afterwards, unannounced.
      case thenClosed
      /// The thread that made this object gets signals while it waits.
      case afterSignals
    }

    let request: Request
    let answer: [UInt8]
    var delivery: Delivery

    static func next(
      _ event: String = "{}", id: String = "id-1", headers: [(name: String, value: String)] = [],
      delivery: Delivery = .whole
    ) -> Step {
      var answer: [UInt8] = []
      let standard = [("Lambda-Runtime-Aws-Request-Id", id), ("Lambda-Runtime-Deadline-Ms", "1793613630123")]
      HTTPWriter.append(response: 200, headers: standard + headers, body: bytes(event), to: &answer)
      return Step(request: .next, answer: answer, delivery: delivery)
    }

    static func response(id: String = "id-1", _ status: Int = 202, delivery: Delivery = .whole) -> Step {
      Step(request: .response(id: id), answer: head(status), delivery: delivery)
    }

    static func error(id: String = "id-1", _ status: Int = 202, delivery: Delivery = .whole) -> Step {
      Step(request: .error(id: id), answer: head(status), delivery: delivery)
    }

    static func initError(_ status: Int = 202) -> Step {
      Step(request: .initError, answer: head(status), delivery: .whole)
    }

    /// Any request with any bytes in answer.
    static func raw(_ request: Request, _ answer: String, delivery: Delivery = .whole) -> Step {
      Step(request: request, answer: bytes(answer), delivery: delivery)
    }

    static func head(_ status: Int, headers: [(name: String, value: String)] = []) -> [UInt8] {
      var answer: [UInt8] = []
      HTTPWriter.append(response: status, headers: headers, body: bytes(#"{"errorType":"Scripted"}"#), to: &answer)
      return answer
    }
  }

  struct Request: Sendable {
    let line: String
    let headers: HTTPHeaders
    let body: [UInt8]
    /// Counted from 1.
    let connection: Int
  }

  private struct Record {
    var requests: [Request] = []
    var violations: [String] = []
  }

  let port: UInt16
  private let listener: Int32
  private let script: [Step]
  private let client = pthread_self()
  private let record = Mutex(Record())
  private let thread = Mutex(pthread_t())

  init(_ script: [Step]) {
    self.script = script
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var loopback = sockaddr_in()
    loopback.sin_family = sa_family_t(AF_INET)
    loopback.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    withUnsafeMutableBytes(of: &loopback) { bytes in
      let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      precondition(bind(listener, address, size) == 0 && listen(listener, 8) == 0, "no loopback port")
      getsockname(listener, address, &size)
    }
    port = UInt16(bigEndian: loopback.sin_port)
    start()
  }

  var address: String { "127.0.0.1:\(port)" }

  /// Waits for the server to end; what came, and what should not have come.
  func finish() -> (requests: [Request], violations: [String]) {
    shutdown(listener, Int32(SHUT_RDWR))
    pthread_join(thread.withLock { $0 }, nil)
    close(listener)
    return record.withLock { ($0.requests, $0.violations) }
  }

  // MARK: Server

  private func start() {
    let unmanaged = Unmanaged.passRetained(self).toOpaque()
    thread.withLock { thread in
      _ = pthread_create(
        &thread, nil,
        { context in
          Unmanaged<ScriptedRuntimeAPI>.fromOpaque(context!).takeRetainedValue().serve()
          return nil
        }, unmanaged)
    }
  }

  private func serve() {
    var steps = script[...]
    var connection = 0
    while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
      connection += 1
      serve(descriptor, connection, &steps)
      close(descriptor)
    }
    if !steps.isEmpty { record.withLock { $0.violations.append("\(steps.count) steps of the script never came") } }
  }

  private func serve(_ descriptor: Int32, _ connection: Int, _ steps: inout ArraySlice<Step>) {
    while let request = receive(descriptor, connection) {
      record.withLock { $0.requests.append(request) }
      guard let step = steps.popFirst(), Self.line(of: step.request) == request.line else {
        if request.line != Self.line(of: .next) || !steps.isEmpty {
          record.withLock { $0.violations.append(request.line) }
        }
        send(descriptor, Step.head(403))
        continue
      }
      guard deliver(step, descriptor) else { return }
    }
  }

  /// False if the connection is to be closed.
  private func deliver(_ step: Step, _ descriptor: Int32) -> Bool {
    switch step.delivery {
    case .whole: send(descriptor, step.answer)
    case .split(let offset):
      send(descriptor, Array(step.answer[..<offset]))
      sched_yield()
      send(descriptor, Array(step.answer[offset...]))
    case .afterSignals:
      for _ in 0..<50 {
        pthread_kill(client, SIGALRM)
        sched_yield()
      }
      send(descriptor, step.answer)
    case .dropped: return false
    case .cut(let offset):
      send(descriptor, Array(step.answer[..<offset]))
      return false
    case .thenClosed:
      send(descriptor, step.answer)
      return false
    }
    return true
  }

  private static func line(of request: Step.Request) -> String {
    switch request {
    case .next: "GET /2018-06-01/runtime/invocation/next"
    case .response(let id): "POST /2018-06-01/runtime/invocation/\(id)/response"
    case .error(let id): "POST /2018-06-01/runtime/invocation/\(id)/error"
    case .initError: "POST /2018-06-01/runtime/init/error"
    }
  }

  private func receive(_ descriptor: Int32, _ connection: Int) -> Request? {
    var reader = HTTPReader(.requests)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while !reader.isComplete {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0, (try? buffer.withUnsafeBytes { try reader.consume(.init(rebasing: $0[..<count])) }) == count
      else { return nil }
    }
    return Request(
      line: "\(reader.method) \(reader.target)", headers: reader.headers, body: reader.body, connection: connection)
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) {
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }
}
