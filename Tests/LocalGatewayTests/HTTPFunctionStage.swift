import HTTPWire
import LambdaEvents
import Telemetry
import Testing

@testable import LocalGateway

/// A function behind an HTTP front, whose runtime the test plays itself: what it writes and when is the test's.
final class HTTPFunctionStage {
  let functions: FunctionStage
  let server: HTTPServer
  let http: HTTPFunctions

  var loop: EventLoop { functions.loop }

  init(
    _ front: HTTPFront = .functionURL, faults: [Fault] = [], paths: [String] = ["*"],
    _ change: (inout FunctionConfiguration) -> Void = { _ in },
    configure: (inout HTTPFrontConfiguration) -> Void = { _ in }
  ) throws {
    let clock = Clock.system
    let plan = faults.isEmpty ? nil : Faults(FaultPlan(seed: 1, faults: faults), clock: clock, log: .nowhere)
    functions = try FunctionStage(["f": "remote"], faults: plan, change)
    server = try HTTPServer(port: 0, loop: functions.loop)
    var configuration = HTTPFrontConfiguration(front)
    configuration.routes = paths.compactMap { HTTPFunctionRoute(pattern: $0, function: "f") }
    configure(&configuration)
    let lines = Lines()
    http = HTTPFunctions(
      configuration, stage: "dev", port: server.port, host: functions.host,
      log: Log(minimum: .debug) { lines.text.append(String(decoding: $0, as: UTF8.self)) }, faults: plan)
    self.lines = lines
    server.add(http)
    server.add(HTTPRemainder(http))
  }

  private final class Lines: @unchecked Sendable { var text: [String] = [] }
  private let lines: Lines
  var logLines: [String] { lines.text }

  /// A client that has sent a request.
  func client(_ request: String) throws -> LoopbackClient {
    let client = try LoopbackClient(port: server.port, loop: loop)
    client.send(request.replacing("HOST", with: "127.0.0.1:\(server.port)"))
    return client
  }

  func get(_ target: String = "/a", _ headers: String = "") throws -> LoopbackClient {
    try client("GET \(target) HTTP/1.1\r\nHost: HOST\r\n\(headers)\r\n")
  }

  /// A connection to the Runtime API of the environment that was started first, once it has been, or of a later one.
  func runtime(_ number: Int = 1) throws -> RuntimeDouble {
    try functions.wait("process \(number)") { addresses.count >= number }
    return RuntimeDouble(try LoopbackClient(port: addresses[number - 1], loop: loop), self)
  }

  var addresses: [UInt16] {
    functions.lines.compactMap { line in
      guard line.hasPrefix("runtime api ") else { return nil }
      return UInt16(line.split(separator: " ")[2].split(separator: ":")[1])
    }
  }

  /// The whole answer.
  func answer(_ client: LoopbackClient, noBody: Bool = false) throws -> HTTPReader {
    var reader = HTTPReader(.responses, limits: HTTPReader.Limits(bodyBytes: 128 << 20))
    reader.expectsNoBody = noBody
    var offset = 0
    try functions.wait("an answer") {
      let new = Array(client.received[offset...])
      offset = client.received.count
      _ = try? reader.consume(new)
      if client.hasEnded { try? reader.finish() }
      return reader.isComplete || client.hasEnded
    }
    try #require(reader.isComplete, "no whole answer: \(text(client))")
    return reader
  }

  func text(_ client: LoopbackClient) -> String { String(decoding: client.received, as: UTF8.self) }

  func wait(_ client: LoopbackClient, toHave text: String) throws {
    try functions.wait("\(text) at the client") { self.text(client).contains(text) }
  }

  /// Everything that is ready has its turn.
  func settle() { for _ in 0..<20 { loop.turn(waitingAtMostMilliseconds: 2) } }

  func stop() throws {
    functions.host.kill()
    try functions.stop()
    server.close()
  }
}

extension Log {
  static let nowhere = Log(minimum: .fatal) { _ in }
}

/// A runtime by hand: asks for an invocation, posts an answer in whatever pieces.
final class RuntimeDouble {
  let client: LoopbackClient
  private let stage: HTTPFunctionStage
  private(set) var requestID = ""
  private(set) var event = ""

  init(_ client: LoopbackClient, _ stage: HTTPFunctionStage) {
    self.client = client
    self.stage = stage
  }

  func ask() { client.send("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") }

  /// Asks and waits for an invocation.
  func next() throws {
    ask()
    try delivered()
  }

  func delivered() throws {
    let answer = try answer()
    try #require(answer.status == 200)
    requestID = answer.headers["lambda-runtime-aws-request-id"] ?? ""
    event = String(decoding: answer.body, as: UTF8.self)
  }

  func answer() throws -> HTTPReader {
    var reader = HTTPReader(.responses)
    try stage.functions.wait("an answer of the Runtime API") {
      _ = try? reader.consume(client.consume())
      return reader.isComplete || client.hasEnded
    }
    try #require(reader.isComplete)
    return reader
  }

  /// The head of a streamed answer; `mode` and `type` as the Runtime API has them.
  func begin(
    mode: String = "streaming", type: String? = "application/vnd.awslambda.http-integration-response",
    headers: String = ""
  ) {
    let type = type.map { "Content-Type: \($0)\r\n" } ?? ""
    client.send(
      "POST /2018-06-01/runtime/invocation/\(requestID)/response HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + "Lambda-Runtime-Function-Response-Mode: \(mode)\r\n\(type)\(headers)Transfer-Encoding: chunked\r\n\r\n")
  }

  func chunk(_ text: String) { chunk(Array(text.utf8)) }

  func chunk(_ bytes: [UInt8]) {
    var output: [UInt8] = []
    HTTPWriter.append(chunk: bytes, to: &output)
    client.send(output)
  }

  func prelude(
    _ json: String = #"{"statusCode":200,"headers":{"content-type":"text/event-stream"}}"#, _ body: String = ""
  ) {
    chunk(Array(json.utf8) + [UInt8](repeating: 0, count: 8) + Array(body.utf8))
  }

  func finish(trailers: [(name: String, value: String)] = []) {
    var output: [UInt8] = []
    HTTPWriter.append(lastChunkWithTrailers: trailers, to: &output)
    client.send(output)
  }

  /// A whole answer that is not streamed, or an error.
  func post(_ body: String, as call: String = "response") throws -> Int {
    client.send(
      "POST /2018-06-01/runtime/invocation/\(requestID)/\(call) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    return try answer().status
  }
}
