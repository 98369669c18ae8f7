import Connections
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

/// `$disconnect`: takes a connection and what it listens to out of the table.
///
/// API Gateway runs it at best once, after the close, and may run it before a slow `$connect` has ended.
struct Disconnect: LambdaHandler {
  let connections: Connections
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let decoded = try GatewayEvent(decoding: event)
    guard case .disconnect(let event) = decoded else {
      throw WrongRoute("DisconnectHandler", context: decoded.context, advice: "it belongs behind $disconnect")
    }
    let departed = try connections.disconnect(id: event.context.connectionID)
    report(departed, context: event.context, log: log.with(["requestId": .identifier(context.requestID)]))
    metrics?.write(["requestId": .identifier(context.requestID)])
    return ProxyResponse(200).encoded()
  }

  /// One that never came in, or that another function has taken out of the table, is none that ends now.
  private mutating func report(_ departed: Connections.Departed?, context: RequestContext, log: Log) {
    guard let departed else {
      return log.debug(
        "disconnected; no row of it stood", ["connectionId": .identifier(context.connectionID.text)])
    }
    let now = context.requestTimeMilliseconds
    let told = DisconnectReason(
      closeCode: context.disconnectStatusCode, text: context.disconnectReason,
      seconds: (now - departed.record.connectedAtMilliseconds) / 1_000)
    let reason = departed.isExpired(atMilliseconds: now) ? .expired : told
    if departed.isFirst { metrics?.count("Disconnects", by: ("Reason", reason.rawValue)) }
    log.disconnected(
      departed, reason: reason, code: context.disconnectStatusCode, detail: context.disconnectReason,
      atMilliseconds: now)
  }
}
