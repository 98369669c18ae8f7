import HTTPWire
import JSON
import Messaging
import Telemetry

/// The Lambda Invoke API, `POST /2015-03-31/functions/{name}/invocations`, so that boto3 and the AWS CLI can call the
/// functions of this machine. Signatures are not checked: the port is on loopback, and `Host` and `Origin` are.
final class InvokeAPI: HTTPRequestHandler {
  /// Lambda's "6 MB".
  static let maximumRequestBytes = 6 << 20
  /// Lambda's "1 MB" for events.
  static let maximumEventBytes = 1 << 20

  private let host: FunctionHost
  private let events: EventInvocations
  private let randomness: Randomness
  private let faults: Faults?

  init(_ host: FunctionHost, randomness: Randomness = .system, faults: Faults? = nil) {
    self.host = host
    self.randomness = randomness
    self.faults = faults
    events = EventInvocations(host)
  }

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    guard let encoded = Self.functionName(inPath: request.path) else { return false }
    guard request.method == "POST" else {
      responder.refuse(.methodNotAllowed)
      return true
    }
    do throws(InvokeError) {
      let call = try call(encoded, request: request)
      if let faults, call.kind != .dryRun, let fault = faults.ofInvoke(call.function) {
        invoke(call, responder: responder, spoiledBy: fault)
      } else {
        invoke(call) { $0.answer(responder) }
      }
    } catch { responder.refuse(error) }
    return true
  }

  /// What stands between `/functions/` and `/invocations`; nil for another path.
  private static func functionName(inPath path: Substring) -> Substring? {
    let (prefix, suffix) = ("/2015-03-31/functions/", "/invocations")
    guard path.hasPrefix(prefix), path.hasSuffix(suffix) else { return nil }
    let name = path.dropFirst(prefix.count).dropLast(suffix.count)
    return name.contains("/") ? nil : name
  }

  // MARK: Reading the request

  private struct Call {
    let function: String
    let kind: Kind
    let payload: [UInt8]
    let context: Invocation.Context
  }

  private enum Kind: String {
    case requestResponse = "RequestResponse"
    case event = "Event"
    case dryRun = "DryRun"
  }

  private func call(_ encodedName: Substring, request: HTTPRequest) throws(InvokeError) -> Call {
    guard let text = PercentEncoding.decode(encodedName), let name = FunctionName(text) else {
      throw .invalidParameter("The function name is neither a name nor an ARN")
    }
    guard let kind = Kind(rawValue: request.headers["x-amz-invocation-type"] ?? "RequestResponse") else {
      throw .invalidParameter("X-Amz-Invocation-Type is one of RequestResponse, Event, DryRun")
    }
    guard host.hasFunction(name.name) else { throw .notFound(host.settings.arn(name.name)) }
    return Call(
      function: name.name, kind: kind, payload: try payload(request.body, kind: kind),
      context: try context(request, name: name))
  }

  /// Nothing becomes `{}`, as on Lambda.
  private func payload(_ body: [UInt8], kind: Kind) throws(InvokeError) -> [UInt8] {
    let limit = kind == .event ? Self.maximumEventBytes : Self.maximumRequestBytes
    guard body.count <= limit else { throw .tooLarge(bytes: body.count, limit: limit, kind: kind.rawValue) }
    guard !body.isEmpty else { return Array("{}".utf8) }
    do throws(JSONError) {
      try JSONReader.validate(body, maximumDepth: JSONReader.largestDepth)
    } catch {
      guard case .tooDeep = error.code else { throw .notJSON("Could not parse request body into json") }
      throw .notJSON("The request body is \(error); the local gateway takes no deeper JSON")
    }
    return body
  }

  private func context(_ request: HTTPRequest, name: FunctionName) throws(InvokeError) -> Invocation.Context {
    var context = Invocation.Context()
    context.requestID = randomness.uuid()
    context.qualifier = try qualifier(request) ?? name.qualifier
    context.traceID = request.headers["x-amzn-trace-id"]
    context.tenantID = request.headers["x-amz-tenant-id"]
    context.wantsLog = request.headers["x-amz-log-type"] == "Tail"
    context.clientContext = try clientContext(request)
    return context
  }

  private func qualifier(_ request: HTTPRequest) throws(InvokeError) -> String? {
    let fields = request.query?.split(separator: "&") ?? []
    guard let field = fields.first(where: { $0.hasPrefix("Qualifier=") }) else { return nil }
    guard let text = PercentEncoding.decode(field.dropFirst("Qualifier=".count)), FunctionName.isValid(text) else {
      throw .invalidParameter("Qualifier is no version and no alias")
    }
    return text
  }

  private func clientContext(_ request: HTTPRequest) throws(InvokeError) -> String? {
    guard let header = request.headers["x-amz-client-context"], !header.isEmpty else { return nil }
    guard let bytes = Base64.decode(header.utf8), ErrorDocument.isJSON(bytes),
      let text = String(validating: bytes, as: UTF8.self), HTTPWriter.isSafe(headerValue: text)
    else { throw .notJSON("Client context must be a valid Base64-encoded JSON object") }
    return text
  }

  // MARK: Answering

  /// Does what is asked and hands over how it is to be answered.
  private func invoke(_ call: Call, _ completion: @escaping (Answer) -> Void) {
    let id = (name: "x-amzn-RequestId", value: call.context.requestID ?? "")
    switch call.kind {
    case .dryRun: completion(Answer { $0.respond(status: 204, headers: [id]) })
    case .event:
      events.invoke(call.function, payload: call.payload, context: call.context)
      if let again = faults?.duplicate(of: call.function) {
        host.loop.schedule(afterMilliseconds: again.milliseconds) {
          self.events.invoke(call.function, payload: call.payload, context: call.context)
        }
      }
      completion(Answer { $0.respond(status: 202, headers: [id]) })
    case .requestResponse:
      // The function's own time is the bound.
      host.invoke(call.function, payload: call.payload, context: call.context, timeoutMilliseconds: .max) { result in
        completion(Answer { $0.respond(result, headers: [id], wantsLog: call.context.wantsLog) })
      }
    }
  }

  private struct Answer {
    let answer: (HTTPResponder) -> Void

    init(_ answer: @escaping (HTTPResponder) -> Void) { self.answer = answer }
  }

  private func invoke(_ call: Call, responder: HTTPResponder, spoiledBy fault: Fault) {
    switch fault.kind {
    case .failed: responder.refuse(.failure(status: fault.status))
    case .lost: invoke(call) { _ in responder.abandon() }
    case .slow where fault.delay == .effect:
      host.loop.schedule(afterMilliseconds: fault.milliseconds) { self.invoke(call) { $0.answer(responder) } }
    default:
      invoke(call) { answer in
        self.host.loop.schedule(afterMilliseconds: fault.milliseconds) { answer.answer(responder) }
      }
    }
  }
}

extension HTTPResponder {
  fileprivate func respond(
    _ result: Invocation.Result, headers: [(name: String, value: String)], wantsLog: Bool
  ) {
    var headers = headers + [("Content-Type", "application/json"), ("X-Amz-Executed-Version", "$LATEST")]
    if wantsLog { headers.append(("X-Amz-Log-Result", Base64.encode(result.log))) }
    switch result.outcome {
    case .response(let body): respond(status: 200, headers: headers, body: body)
    case .functionError(let document, _):
      respond(status: 200, headers: headers + [("X-Amz-Function-Error", "Unhandled")], body: document)
    case .throttled: refuse(.tooManyRequests)
    case .timedOut, .unknownFunction: refuse(.failure)
    }
  }
}
