import HTTPWire
import JSON
import LambdaEvents
import Telemetry

/// The opening handshake: the upgrade waits for `$connect` and is answered with what it decides.
extension Gateway {
  func connect(_ request: HTTPRequest, query: Query, upgrade: WebSocketUpgrade, responder: HTTPResponder) {
    let identity = ConnectionIdentity(
      key: makeKey(), connectedAt: clock.milliseconds(), domainName: request.authority,
      userAgent: request.headers["user-agent"], number: nextConnectionNumber())
    // The route is optional.
    guard let route = route(named: "$connect") else {
      _ = accept(identity, upgrade: upgrade, subprotocol: nil, responder: responder)
      return
    }
    guard invocations.hasFunction(of: route) else {
      return refuse(status: 500, answer: nil, identity: identity, responder: responder)
    }
    let event = events.connect(identity, headers: eventHeaders(of: request), query: query)
    // A client that goes now is told to $disconnect once $connect has ended: `accept` finds it gone.
    responder.onClientGone {}
    invocations.send(event, to: route, of: identity) { outcome in
      self.decide(outcome, identity: identity, upgrade: upgrade, responder: responder)
    }
  }

  private func decide(
    _ outcome: InvocationOutcome, identity: ConnectionIdentity, upgrade: WebSocketUpgrade,
    responder: HTTPResponder
  ) {
    switch outcome {
    case .response(let document):
      guard let answer = ProxyAnswer(decoding: document) else {
        return refuse(status: 502, answer: nil, identity: identity, responder: responder)
      }
      guard answer.isSuccess else {
        return refuse(status: answer.statusCode, answer: answer, identity: identity, responder: responder)
      }
      if !accept(identity, upgrade: upgrade, subprotocol: answer.subprotocol, responder: responder) {
        disconnect(identity, code: 1006, reason: "")
      }
    case .functionError: refuse(status: 502, answer: nil, identity: identity, responder: responder)
    case .timedOut: refuse(status: 504, answer: nil, identity: identity, responder: responder)
    case .throttled, .unknownFunction: refuse(status: 500, answer: nil, identity: identity, responder: responder)
    }
  }

  /// Answers with the function's body, or with one of API Gateway's.
  private func refuse(
    status: Int, answer: ProxyAnswer?, identity: ConnectionIdentity, responder: HTTPResponder
  ) {
    log.debug("connection refused", ["connectionId": .text(identity.key.text), "status": .number(Int64(status))])
    let more = answer?.retryAfter.map { [(name: "Retry-After", value: $0)] } ?? []
    if let answer, let body = answer.body, !body.isEmpty {
      let type = answer.contentType ?? "application/json"
      return responder.respond(status: status, headers: [(name: "Content-Type", value: type)] + more, body: body)
    }
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("message", Self.message(status: status))
      writer.member("connectionId", identity.key.text)
      writer.member("requestId", events.makeID())
    }
    responder.respond(status: status, headers: Self.json + more, body: writer.bytes)
  }

  private static func message(status: Int) -> String {
    switch status {
    case 500, 502: "Internal server error"
    case 504: "Endpoint request timed out"
    default: "\(HTTPWriter.reason(status: status))"
    }
  }

  private func eventHeaders(of request: HTTPRequest) -> [(name: String, value: String)] {
    ForwardedHeaders.of(request, leavingOut: ["connection", "upgrade"], port: port) { events.makeTraceRoot() }
  }
}
