import HTTPWire
import JSON
import Telemetry
import WebSocketWire

/// The management API: `POST`, `GET` and `DELETE` on `/{stage}/@connections/{id}`.
extension Gateway {
  func manage(_ target: ManagementTarget, request: HTTPRequest, responder: HTTPResponder) {
    switch target {
    case .otherStage: refuse(.forbidden, message: "Forbidden", responder: responder)
    case .malformedID: refuse(.badRequest, message: "Invalid connectionId", responder: responder)
    case .otherConnection: gone(responder)
    case .connection(let key):
      // Not here yet while its $connect runs.
      guard let connection = connections[key] else { return gone(responder) }
      switch request.method {
      case "POST": post(request.body, to: connection, responder: responder)
      case "GET": responder.respond(status: 200, headers: Self.json, body: describe(connection))
      case "DELETE":
        connection.close(code: WebSocketCloseCode.normal, reason: "Connection Closed Normally")
        responder.respond(status: 204)
      default:
        responder.refuse(
          status: 405, message: "Method Not Allowed", headers: [(name: "Allow", value: "POST, GET, DELETE")])
      }
    }
  }

  private func post(_ body: [UInt8], to connection: ClientConnection, responder: HTTPResponder) {
    if let faults, let fault = faultOfPost(to: connection.identity, faults: faults) {
      post(body, to: connection, responder: responder, spoiledBy: fault)
    } else if deliver(body, to: connection, responder: responder) {
      confirmPost(responder)
    }
  }

  func confirmPost(_ responder: HTTPResponder) {
    responder.respond(status: 200, prepared: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
  }

  /// Sends the body to the client; false if it could not be sent, which is then answered.
  func deliver(_ body: [UInt8], to connection: ClientConnection, responder: HTTPResponder) -> Bool {
    guard body.count <= configuration.limits.messageBytes else {
      refuse(.payloadTooLarge, message: "Message too long", responder: responder)
      return false
    }
    guard !connection.isFull(for: body.count) else {
      refuse(.limitExceeded, message: "The client's send buffer is full", responder: responder)
      return false
    }
    connection.post(body)
    return true
  }

  private func describe(_ connection: ClientConnection) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("connectedAt", Self.seconds(connection.identity.connectedAt))
      writer.key("identity")
      writer.object { writer in
        writer.member("sourceIp", ConnectionIdentity.sourceIP)
        writer.member("userAgent", ifPresent: connection.identity.userAgent)
      }
      writer.member("lastActiveAt", Self.seconds(connection.lastActiveAt))
    }
    return writer.bytes
  }

  /// As the API writes times: RFC 3339 without a fraction.
  private static func seconds(_ milliseconds: Int64) -> String {
    Timestamp.rfc3339(milliseconds: milliseconds).prefix(19) + "Z"
  }

  // MARK: Errors

  enum APIError {
    case badRequest, forbidden, payloadTooLarge, limitExceeded

    var status: Int {
      switch self {
      case .badRequest: 400
      case .forbidden: 403
      case .payloadTooLarge: 413
      case .limitExceeded: 429
      }
    }

    var type: String {
      switch self {
      case .badRequest: "BadRequestException"
      case .forbidden: "ForbiddenException"
      case .payloadTooLarge: "PayloadTooLargeException"
      case .limitExceeded: "LimitExceededException"
      }
    }
  }

  func refuse(_ error: APIError, message: String, responder: HTTPResponder) {
    responder.refuse(status: error.status, message: message, headers: [(name: "x-amzn-ErrorType", value: error.type)])
  }

  /// With an empty body, as the real one: software development kits go by the status and this header.
  func gone(_ responder: HTTPResponder) {
    responder.respond(
      status: 410, prepared: "HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException\r\nContent-Length: 0\r\n\r\n")
  }
}
