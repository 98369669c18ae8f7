import LambdaEvents
import LambdaRuntime
import TickertapeHandlers

/// Answers each frame of its route with the same frame.
struct Echo: WebSocketHandler {
  mutating func message(_ event: MessageEvent, context: InvocationContext) -> ProxyResponse {
    ProxyResponse(200, body: event.body)
  }
}
