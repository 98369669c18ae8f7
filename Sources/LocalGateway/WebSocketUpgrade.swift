import HTTPWire
import WebSocketWire

/// A request that may become a WebSocket (RFC 6455 section 4.2.1).
struct WebSocketUpgrade {
  private let key: String

  /// Nil if the request is not one; it is then refused: 426 without an upgrade or with another version, 400 otherwise.
  static func check(_ request: HTTPRequest, _ responder: HTTPResponder) -> WebSocketUpgrade? {
    let needed = [(name: "Upgrade", value: "websocket"), (name: "Sec-WebSocket-Version", value: "13")]
    guard request.asksForWebSocket, request.headers["sec-websocket-version"] == "13" else {
      responder.refuse(426, "Upgrade Required", headers: needed)
      return nil
    }
    guard request.method == "GET", request.headers.contains("connection", token: "upgrade"),
      let key = request.headers["sec-websocket-key"], WebSocketHandshake.isKey(key)
    else {
      responder.refuse(400, "Bad Request")
      return nil
    }
    return WebSocketUpgrade(key: key)
  }

  /// The headers of the 101 that accepts it.
  func accepting(subprotocol: String?) -> [(name: String, value: String)] {
    var headers = [
      (name: "Upgrade", value: "websocket"), (name: "Connection", value: "Upgrade"),
      (name: "Sec-WebSocket-Accept", value: WebSocketHandshake.accept(forKey: key)),
    ]
    if let subprotocol { headers.append((name: "Sec-WebSocket-Protocol", value: subprotocol)) }
    return headers
  }
}
