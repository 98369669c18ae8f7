import JSON
import Telemetry
import WebSocketWire

/// One accepted WebSocket connection of the gateway.
final class ClientConnection: WebSocketChannelOwner {
  let identity: ConnectionIdentity
  private let channel: WebSocketChannel
  /// Holds this connection until it has ended, so that the two let go of each other then.
  private let gateway: Gateway
  /// On the monotonic clock: when it was accepted, and when the last message passed in either direction.
  private let since: Int64
  private var lastActive: Int64

  init(_ identity: ConnectionIdentity, _ channel: WebSocketChannel, gateway: Gateway) {
    self.identity = identity
    self.channel = channel
    self.gateway = gateway
    since = gateway.clock.monotonicMilliseconds()
    lastActive = since
  }

  /// Milliseconds since the epoch.
  var lastActiveAt: Int64 {
    gateway.clock.milliseconds() - (gateway.clock.monotonicMilliseconds() - lastActive)
  }

  // MARK: Outward

  func isFull(for bytes: Int) -> Bool { channel.isFull(for: bytes) }

  /// Sends what was posted as text; bytes that are not UTF-8 arrive as U+FFFD.
  func post(_ body: [UInt8]) {
    lastActive = gateway.clock.monotonicMilliseconds()
    if body.withUnsafeBytes({ UTF8Check.isValid($0) }) {
      channel.send(text: body)
    } else {
      channel.send(text: Array(String(decoding: body, as: UTF8.self).utf8))
    }
  }

  func close(code: UInt16, reason: String) { channel.close(code: code, reason: reason) }

  /// `{"message": "Forbidden", "connectionId":"…", "requestId":"…"}`, spaced as API Gateway spaces it.
  private func sendError(_ message: String, requestID: String) {
    let text =
      "{\"message\": \"\(message)\", \"connectionId\":\"\(identity.key.text)\", \"requestId\":\"\(requestID)\"}"
    channel.send(text: Array(text.utf8))
  }

  // MARK: Inward

  func received(_ message: WebSocketMessage) {
    guard case .text(let body) = message else { return }
    lastActive = gateway.clock.monotonicMilliseconds()
    let requestID = gateway.events.makeID()
    guard let route = gateway.route(for: body) else { return sendError("Forbidden", requestID: requestID) }
    guard gateway.invoker.hasFunction(route.function) else {
      return sendError("Internal server error", requestID: requestID)
    }
    let event = gateway.events.message(identity, routeKey: route.key, requestID: requestID, body: body)
    // Messages of one connection run side by side, as on AWS; each answer goes out when it is there.
    gateway.invoke(route, event: event, of: identity) { outcome in
      self.answer(outcome, of: route, requestID: requestID)
    }
  }

  private func answer(_ outcome: InvocationOutcome, of route: GatewayRoute, requestID: String) {
    gateway.log.debug(
      "message",
      [
        "connectionId": .text(identity.key.text), "routeKey": .text(route.key), "function": .text(route.function),
        "requestId": .text(requestID),
      ])
    switch outcome {
    case .response(let document):
      guard let answer = ProxyAnswer(document), answer.statusCode < 500 else {
        return sendError("Internal server error", requestID: requestID)
      }
      if route.returnsAnswer, let body = answer.body, !body.isEmpty { post(body) }
    case .timedOut: sendError("Endpoint request timed out", requestID: requestID)
    case .functionError, .throttled, .unknownFunction: sendError("Internal server error", requestID: requestID)
    }
  }

  func ended(code: UInt16, reason: String) { gateway.disconnected(self, code: code, reason: reason) }

  // MARK: Time limits

  /// Says goodbye if it has been silent or connected for too long.
  func checkTime(now: Int64) {
    let configuration = gateway.configuration
    if now - lastActive >= configuration.idleMilliseconds || now - since >= configuration.durationMilliseconds {
      close(code: WebSocketCloseCode.goingAway, reason: "Going away")
    }
  }
}
