import HTTPWire
import JSON
import LambdaEvents
import Messaging
import Telemetry

/// The functions that are reached over HTTP, on the port of the WebSocket API, behind one of AWS's fronts: a function URL
/// or a REST API that stream, or an HTTP API that does not.
///
/// A request becomes the event of its front (`HTTPFunctionRequest`), and one `HTTPFunctionCall` sees it through.
final class HTTPFunctions: HTTPRequestHandler {
  let configuration: HTTPFrontConfiguration
  let host: FunctionHost
  let loop: EventLoop
  let log: Log
  let faults: Faults?
  private let stage: String
  private let port: UInt16
  private let randomness: Randomness
  /// Those whose function has not ended, also where the client has gone.
  private var calls: [ObjectIdentifier: HTTPFunctionCall] = [:]
  private var isSweeping = false

  init(
    _ configuration: HTTPFrontConfiguration, stage: String, port: UInt16, host: FunctionHost, log: Log,
    faults: Faults? = nil, randomness: Randomness = .system
  ) {
    self.configuration = configuration
    self.stage = stage
    self.port = port
    self.host = host
    self.log = log
    self.faults = faults
    self.randomness = randomness
    loop = host.loop
  }

  /// Takes the paths that are named; `HTTPRemainder` takes those that nothing else answers.
  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    let path = request.path
    let named = configuration.routes.filter { !$0.isRemainder }
      .compactMap { route in route.closeness(to: path).map { (route: route, closeness: $0) } }
    guard let nearest = named.max(by: { $0.closeness < $1.closeness }) else { return false }
    handle(request, function: nearest.route.function, responder: responder)
    return true
  }

  func handle(_ request: HTTPRequest, function: String, responder: HTTPResponder) {
    let source = HTTPFunctionRequest(
      front: configuration.front, stage: stage, port: port, region: host.settings.region, clock: loop.clock,
      randomness: randomness)
    do throws(HTTPFunctionRefusal) {
      try source.check(request, maximumHeaderBytes: configuration.maximumHeaderBytes)
      let (payload, context) = try source.invocation(request)
      let call = HTTPFunctionCall(
        request, function: function, context: context, functions: self, responder: responder)
      start(call, payload: payload, context: context)
    } catch { responder.refuse(error, front: configuration.front) }
  }

  private func start(_ call: HTTPFunctionCall, payload: [UInt8], context: Invocation.Context) {
    calls[ObjectIdentifier(call)] = call
    if !isSweeping { scheduleSweep() }
    host.invoke(
      call.function, payload: payload, context: context,
      timeoutMilliseconds: configuration.integrationMilliseconds ?? .max,
      // An HTTP API's integration is invoked without streaming: what a function streams is collected first.
      receiver: configuration.front == .httpAPI ? nil : call
    ) { result in
      self.calls[ObjectIdentifier(call)] = nil
      call.ended(result.outcome)
    }
  }

  // MARK: Time

  /// One timer for all, since there may be thousands of streams, most of which end before their time.
  private func scheduleSweep() {
    let bounds = [configuration.idleMilliseconds, configuration.maximumMilliseconds].compactMap { $0 }
    guard let shortest = bounds.min() else { return }
    isSweeping = true
    loop.schedule(afterMilliseconds: max(10, min(1000, shortest / 4))) { [weak self] in self?.sweep() }
  }

  private func sweep() {
    isSweeping = false
    let now = loop.clock.monotonicMilliseconds()
    for call in Array(calls.values) { call.checkTime(now: now) }
    if !calls.isEmpty { scheduleSweep() }
  }

  // MARK: Telling

  /// What waits for clients that do not read, beside what the kernel keeps for them.
  var pendingBytes: Int { calls.values.reduce(0) { $0 + $1.pendingBytes } }

  /// `{"front":"url","streams":3,"invocations":5}`: streams that a client reads, and invocations that have not ended,
  /// those whose client has gone among them.
  var report: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      let name = HTTPFrontConfiguration.fronts.first { $0.front == configuration.front }?.name
      writer.member("front", name ?? "")
      writer.member("streams", calls.values.count { $0.isStreaming })
      writer.member("invocations", calls.count)
    }
    return writer.bytes
  }
}

/// What nothing else on the port answers, for the function that takes the rest; and the report on all.
final class HTTPRemainder: HTTPRequestHandler {
  static let reportPath = "/_tickertape/http"

  private let functions: HTTPFunctions
  private let function: String?

  init(_ functions: HTTPFunctions) {
    self.functions = functions
    function = functions.configuration.routes.last { $0.isRemainder }?.function
  }

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    if request.path == Self.reportPath, request.method == "GET" {
      responder.respond(status: 200, headers: Gateway.json, body: functions.report)
      return true
    }
    guard let function, request.path.hasPrefix("/") else { return false }
    functions.handle(request, function: function, responder: responder)
    return true
  }
}
