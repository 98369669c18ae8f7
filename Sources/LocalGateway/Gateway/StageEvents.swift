import LambdaEvents
import Messaging
import Telemetry

/// What every event of one connection tells about it.
struct ConnectionIdentity {
  let key: ConnectionKey
  /// Milliseconds since the epoch.
  let connectedAt: Int64
  /// The client's `Host`, port included.
  let domainName: String
  let userAgent: String?
  /// Its place among the connections that were opened.
  var number = 0
  /// Only this machine can reach the gateway.
  static let sourceIP = "127.0.0.1"
}

/// Makes the events of a stage's connections; the handlers read them with the same `GatewayEvent`.
struct StageEvents {
  let stage: String
  let clock: Clock
  let randomness: Randomness

  /// CONNECT has the request's headers and query, and no body.
  func connect(
    _ identity: ConnectionIdentity, headers: [(name: String, value: String)], query: Query
  ) -> GatewayEvent {
    .connect(
      ConnectEvent(
        context: context(of: identity, routeKey: "$connect", eventType: "CONNECT"), fields: headers,
        parameters: query.parameters))
  }

  /// MESSAGE has the frame's text and no headers at all. `requestID` is what an error frame would name.
  func message(_ identity: ConnectionIdentity, routeKey: String, requestID: String, body: [UInt8]) -> GatewayEvent {
    var context = context(of: identity, routeKey: routeKey, eventType: "MESSAGE", requestID: requestID)
    context.messageID = makeID()
    return .message(MessageEvent(context: context, body: body))
  }

  func disconnect(_ identity: ConnectionIdentity, code: UInt16, reason: String) -> GatewayEvent {
    var context = context(of: identity, routeKey: "$disconnect", eventType: "DISCONNECT")
    context.disconnectStatusCode = Int(code)
    context.disconnectReason = reason
    return .disconnect(DisconnectEvent(context: context, host: identity.domainName))
  }

  /// Looks like a connection id, as AWS's request and message ids do.
  func makeID() -> String { ConnectionKey.random(randomness).text }

  func makeTraceRoot() -> String { TraceID.makeRoot(clock, randomness: randomness) }

  private func context(
    of identity: ConnectionIdentity, routeKey: String, eventType: String, requestID: String? = nil
  ) -> RequestContext {
    let now = clock.milliseconds()
    return RequestContext(
      routeKey: routeKey, eventType: eventType, requestID: requestID ?? makeID(), connectionID: identity.key.id,
      apiID: "local", stage: stage, domainName: identity.domainName,
      requestTime: Timestamp.gatewayRequestTime(milliseconds: now), requestTimeMilliseconds: now,
      connectedAtMilliseconds: identity.connectedAt, sourceAddress: ConnectionIdentity.sourceIP,
      userAgent: identity.userAgent)
  }
}
