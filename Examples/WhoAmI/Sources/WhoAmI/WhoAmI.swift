import LambdaEvents
import LambdaRuntime
import Messaging
import TickertapeHandlers

/// Two routes: `whoami` answers with the caller's connection and user, `wave` sends an event to all of the user's connections.
struct WhoAmI: WebSocketHandler {
  let callers: Callers
  let publisher: EventPublisher

  mutating func message(_ event: MessageEvent, context: InvocationContext) throws -> ProxyResponse {
    let id = event.context.connectionID
    guard let user = try callers.principal(of: id)?.user else { return ProxyResponse(403, text: "no user") }
    guard event.context.routeKey == "wave" else { return ProxyResponse(200, text: "\(id) \(user)") }
    let outcome = try publisher.sendToUser(user, type: "wave", data: #"{"from":"\#(id)"}"#)
    return ProxyResponse(200, text: "\(outcome.accepted) accepted")
  }
}
