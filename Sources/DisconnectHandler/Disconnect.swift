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

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    guard case .disconnect(let event) = try GatewayEvent(decoding: event) else {
      throw WrongRoute("DisconnectHandler", answers: "DISCONNECT", route: "$disconnect")
    }
    try connections.disconnect(id: event.context.connectionID)
    log.debug(
      "disconnected",
      [
        "requestId": .identifier(context.requestID), "connectionId": .identifier(event.context.connectionID.text),
        "code": .number(Int64(event.context.disconnectStatusCode ?? 0)),
        "reason": .text(event.context.disconnectReason ?? ""),
      ])
    return ProxyResponse(200).encoded()
  }
}
