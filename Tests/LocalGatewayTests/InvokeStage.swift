import HTTPWire
import Telemetry
import Testing

@testable import LocalGateway

/// Functions behind an HTTP server with the Invoke API, and a client in the same loop.
final class InvokeStage {
  struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: String
  }

  let functions: FunctionStage
  private let server: HTTPServer

  init(faults: Faults? = nil, _ change: (inout FunctionConfiguration) -> Void = { _ in }) throws {
    var settings = FunctionSettings()
    settings.eventRetryMilliseconds = [1, 2]
    functions = try FunctionStage(settings: settings, faults: faults, change)
    server = try HTTPServer(port: 0, loop: functions.loop)
    server.add(InvokeAPI(functions.host, faults: faults))
  }

  func invoke(_ payload: String, headers: [(name: String, value: String)] = []) throws -> Answer {
    try post("/2015-03-31/functions/f/invocations", payload, headers: headers)
  }

  func post(_ target: String, _ body: String, headers: [(name: String, value: String)] = []) throws -> Answer {
    try request("POST", target, body, headers: headers)
  }

  func request(
    _ method: StaticString, _ target: String, _ body: String, headers: [(name: String, value: String)] = []
  ) throws -> Answer {
    let reader = try exchange(method, target, body, headers: headers)
    try #require(reader.isComplete, "the connection ended without an answer from \(target)")
    return Answer(status: reader.status, headers: reader.headers, body: String(decoding: reader.body, as: UTF8.self))
  }

  /// Whether an invocation ends with the connection's end and not a byte of an answer.
  func isLost(_ payload: String) throws -> Bool {
    !(try exchange("POST", "/2015-03-31/functions/f/invocations", payload, headers: []).hasHead)
  }

  /// Reads until there is an answer, or the connection has ended.
  private func exchange(
    _ method: StaticString, _ target: String, _ body: String, headers: [(name: String, value: String)]
  ) throws -> HTTPReader {
    var output = OutputBuffer()
    var bytes: [UInt8] = []
    HTTPWriter.append(
      request: method, target: target, headers: [("Host", "127.0.0.1:\(server.port)")] + headers,
      body: Array(body.utf8), to: &bytes)
    output.append(bytes)
    let socket = try Socket.connect(port: server.port)
    defer { socket.close() }
    let buffer = ReadBuffer()
    var reader = HTTPReader(.responses)
    try functions.wait("an answer from \(target)") {
      // Until the connection stands, nothing can be written.
      _ = output.write(to: socket)
      functions.loop.turn(waitingAtMostMilliseconds: 1)
      switch buffer.read(from: socket) {
      case (.bytes, let read): _ = try? reader.consume(read)
      case (.ended, _): return true
      case (.wouldBlock, _): break
      }
      return reader.isComplete
    }
    return reader
  }

  func stop() throws {
    try functions.stop()
    server.close()
  }

  static func randomUUID() -> String { Randomness.system.uuid() }
}
