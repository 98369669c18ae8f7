import HTTPWire
import WebSocketWire

/// A request that may become a WebSocket (RFC 6455 section 4.2.1).
struct WebSocketUpgrade {
  private let key: String

  /// Nil if the request is not one; it is then refused: 426 without an upgrade or with another version, 400 otherwise.
  static func check(_ request: HTTPRequest, responder: HTTPResponder) -> WebSocketUpgrade? {
    let versions = request.headers.values("sec-websocket-version")
    guard request.asksForWebSocket, versions.count > 1 || versions == ["13"] else {
      responder.refuse(status: 426, message: "Upgrade Required", headers: needed)
      return nil
    }
    // Neither field may come twice (sections 11.3.1 and 11.3.5), not even with one value.
    let keys = request.headers.values("sec-websocket-key")
    guard request.method == "GET", !request.isHTTP10, versions.count == 1, keys.count == 1,
      WebSocketHandshake.isKey(keys[0]), request.headers.contains("connection", token: "upgrade")
    else {
      responder.refuse(status: 400, message: "Bad Request")
      return nil
    }
    return WebSocketUpgrade(key: keys[0])
  }

  /// Of a 426: what is spoken here (RFC 9110 section 15.5.22, RFC 6455 section 4.4).
  private static let needed = [
    (name: "Connection", value: "Upgrade"), (name: "Upgrade", value: "websocket"),
    (name: "Sec-WebSocket-Version", value: "13"),
  ]

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
