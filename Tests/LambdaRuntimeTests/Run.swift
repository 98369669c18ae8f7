import Synchronization
import Telemetry
import TestSupport

@testable import LambdaRuntime

/// A handler that is a closure.
struct Handler: LambdaHandler {
  let body: ([UInt8], InvocationContext) throws -> [UInt8]

  init(_ body: @escaping ([UInt8], InvocationContext) throws -> [UInt8]) { self.body = body }

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] { try body(event, context) }
}

/// What happened while a handler ran under a scripted Runtime API, until that ended it.
struct Run {
  var requests: [ScriptedRuntimeAPI.Request] = []
  var violations: [String] = []
  /// The words of the error that ended the loop; nil after a start that failed.
  var end: String?
  var traces: [String?] = []
  var log: [String] = []

  init(_ script: [ScriptedRuntimeAPI.Step], _ makeHandler: () throws -> Handler) throws {
    let server = ScriptedRuntimeAPI(script)
    let lines = Lines()
    let log = Log(minimum: .trace, write: lines.append)
    let traces = Traces()
    do {
      let client = RuntimeClient(to: try SocketAddress(server.address))
      var loop = InvocationLoop(client: client, log: log, setTrace: { traces.all.append($0) })
      try loop.run(makeHandler)
    } catch {
      end = "\(error)"
    }
    (requests, violations) = server.finish()
    self.traces = traces.all
    self.log = lines.all
  }

  init(
    _ script: [ScriptedRuntimeAPI.Step],
    handling body: @escaping ([UInt8], InvocationContext) throws -> [UInt8] = { _, _ in bytes("{}") }
  ) throws {
    try self.init(script) { Handler(body) }
  }

  /// The requests as `GET next` and `POST id-1/response`.
  var lines: [String] {
    requests.map { request in
      request.line.replacing("/2018-06-01/runtime/", with: "").replacing("invocation/", with: "")
    }
  }

  private final class Traces { var all: [String?] = [] }
}

/// Collects log lines.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  func append(_ line: [UInt8]) { lines.withLock { $0.append(text(line)) } }

  var all: [String] { lines.withLock { $0 } }
}
