import Telemetry
import Testing

@testable import LocalGateway

/// Functions that answer what a test says, or when a test says.
final class FakeFunctions: FunctionInvoker {
  struct Call {
    let function: String
    let event: String
    let timeoutMilliseconds: Int64
    let complete: (InvocationOutcome) -> Void
  }

  private let loop: EventLoop
  var names: Set<String> = ["Connect", "Disconnect", "Default", "Quote"]
  private(set) var calls: [Call] = []
  /// What a function answers by itself; without it the test completes the call.
  var answers: [String: (String) -> InvocationOutcome] = [
    "Connect": { _ in .response(Array(#"{"statusCode":200}"#.utf8)) },
    "Disconnect": { _ in .response(Array(#"{"statusCode":200}"#.utf8)) },
  ]

  init(loop: EventLoop) { self.loop = loop }

  func hasFunction(_ name: String) -> Bool { names.contains(name) }

  func invoke(
    _ name: String, payload: [UInt8], timeoutMilliseconds: Int64, completion: @escaping (InvocationOutcome) -> Void
  ) {
    let event = String(decoding: payload, as: UTF8.self)
    calls.append(
      Call(function: name, event: event, timeoutMilliseconds: timeoutMilliseconds, complete: completion))
    guard let answer = answers[name] else { return }
    let outcome = answer(event)
    loop.schedule(afterMilliseconds: 0) { completion(outcome) }
  }

  func calls(of function: String) -> [Call] { calls.filter { $0.function == function } }
}

extension InvocationOutcome {
  static func json(_ text: String) -> InvocationOutcome { .response(Array(text.utf8)) }
}

/// A gateway, its functions and clients, on one loop that the test turns.
final class GatewayBench {
  let test: TestLoop
  let functions: FakeFunctions
  let gateway: Gateway

  static let routes = [
    GatewayRoute(key: "$connect", function: "Connect"), GatewayRoute(key: "$disconnect", function: "Disconnect"),
    GatewayRoute(key: "$default", function: "Default", returnsAnswer: true),
    GatewayRoute(key: "quote", function: "Quote"),
  ]

  init(
    log: Log = Log(write: { _ in }), randomness: Randomness = .system,
    _ change: (inout GatewayConfiguration) -> Void = { _ in }
  ) throws {
    test = try TestLoop()
    functions = FakeFunctions(loop: test.loop)
    var configuration = GatewayConfiguration()
    configuration.port = 0
    configuration.routes = Self.routes
    change(&configuration)
    let (functions, loop) = (self.functions, test.loop)
    let faults = configuration.faults.map { Faults($0, clock: loop.clock, log: log) }
    gateway = try Gateway(configuration, loop: loop, log: log, randomness: randomness, faults: faults) { _ in
      functions
    }
  }

  deinit {
    gateway.close()
    gateway.drop()
  }

  func client() throws -> WebSocketTestClient { try WebSocketTestClient(port: gateway.port, test: test) }
  func http() throws -> HTTPTestClient { try HTTPTestClient(port: gateway.port, test: test) }

  /// A client that was let in, and its connection's id.
  func connected(_ target: String = "/dev", headers: [String] = []) throws -> (WebSocketTestClient, id: String) {
    let client = try client()
    let before = Set(gateway.connections.keys)
    try client.open(target, headers: headers)
    let key = try #require(Set(gateway.connections.keys).subtracting(before).first)
    return (client, key.text)
  }

  /// The path of a connection in the management API.
  func path(_ id: String) -> String { "/dev/@connections/\(id.dropLast())%3D" }

  /// Waits for the n-th call of a function.
  func call(
    _ number: Int, of function: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws
    -> FakeFunctions.Call
  {
    try test.wait("for call \(number) of \(function)", sourceLocation: sourceLocation) {
      functions.calls(of: function).count > number
    }
    return functions.calls(of: function)[number]
  }
}
