import HTTPWire
import Telemetry

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

  init(_ change: (inout FunctionConfiguration) -> Void = { _ in }) throws {
    var surroundings = FunctionSurroundings()
    surroundings.eventRetryMilliseconds = [1, 2]
    functions = try FunctionStage(surroundings: surroundings, change)
    server = try HTTPServer(port: 0, loop: functions.loop)
    server.add(InvokeAPI(functions.host))
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
      if case (.bytes, let read) = buffer.read(from: socket) { _ = try? reader.consume(read) }
      return reader.isComplete
    }
    return Answer(status: reader.status, headers: reader.headers, body: String(decoding: reader.body, as: UTF8.self))
  }

  func stop() throws {
    try functions.stop()
    server.close()
  }

  static func randomUUID() -> String { Randomness.system.uuid() }
}
