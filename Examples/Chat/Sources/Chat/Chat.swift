import FoundationEssentials
import LambdaEvents
import LambdaRuntime
import Messaging
import TickertapeHandlers

/// What a client sends: `{"action":"say","room":"lobby","text":"hello"}`.
struct Saying: Decodable {
  let room: String
  let text: String
}

/// What everyone in the room gets, as the data of an event `chat:said` whose key is the room.
struct Said: Encodable {
  let from: String
  let text: String
}

/// What a client gets whose saying is not taken; every client shows a frame of this type.
struct Refusal: Encodable {
  var type = "error"
  var code = "not_said"
  let message: String
}

/// The route `say`. Who speaks is whom the connection was let in as, whatever the frame says.
struct Chat: WebSocketHandler {
  let callers: Callers
  let publisher: EventPublisher

  mutating func message(_ event: MessageEvent, context: InvocationContext) throws -> ProxyResponse {
    guard let user = try callers.principal(of: event.context.connectionID)?.user else {
      return try refusal("nobody knows who you are: connect with ?userId=")
    }
    guard let saying = try? JSONDecoder().decode(Saying.self, from: Data(event.body)), !saying.text.isEmpty else {
      return try refusal(#"say it as {"action":"say","room":"lobby","text":"hello"}"#)
    }
    let said = try json(Said(from: user, text: saying.text))
    let outcome = try publisher.broadcast(type: "chat:said", data: said, key: saying.room)
    if let rejection = outcome.rejected.first { return try refusal(rejection.message) }
    return ProxyResponse(200)
  }

  private func refusal(_ message: String) throws -> ProxyResponse {
    ProxyResponse(400, text: try json(Refusal(message: message)))
  }

  private func json(_ value: some Encodable) throws -> String {
    String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
  }
}
