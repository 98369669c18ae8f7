package import JSON
import Messaging

/// What API Gateway hands a function on a WebSocket route (integration type AWS_PROXY, payload format of WebSocket
/// APIs).
///
/// Told apart by `eventType`, not by the route key: whether a client can select `$connect` by naming it in a message is
/// not documented.
package enum GatewayEvent {
  case connect(ConnectEvent)
  case message(MessageEvent)
  case disconnect(DisconnectEvent)

  /// Reads one event. Keys that are not known are passed over, keys that are absent are absent here too.
  package init(decoding bytes: [UInt8]) throws(GatewayEventError) {
    let parts = try EventParts(bytes)
    guard let context = parts.context else { throw .missing("requestContext") }
    switch context.eventType {
    case "CONNECT": self = .connect(ConnectEvent(context: context, parts: parts))
    case "MESSAGE": self = .message(try MessageEvent(context: context, parts: parts))
    case "DISCONNECT": self = .disconnect(DisconnectEvent(context: context, parts: parts))
    default: throw .unknownEventType(context.eventType)
    }
  }

  package var context: RequestContext {
    switch self {
    case .connect(let event): event.context
    case .message(let event): event.context
    case .disconnect(let event): event.context
    }
  }
}

/// A client asks for a connection. There is no body on this event.
public struct ConnectEvent {
  /// Which connection it is about, when and from where.
  public var context: RequestContext
  /// Those of the handshake.
  public var headers: GatewayHeaders
  /// Decoded; empty if the address had no query. Of a parameter that was given several times the last.
  public var query: QueryParameters
  /// As they came, nil if absent.
  package var multiValueHeaders: [UInt8]?
  package var multiValueQuery: [UInt8]?
  package var stageVariables: [UInt8]?

  package init(
    context: RequestContext, headers: GatewayHeaders = GatewayHeaders(), query: QueryParameters = QueryParameters(),
    multiValueHeaders: [UInt8]? = nil, multiValueQuery: [UInt8]? = nil, stageVariables: [UInt8]? = nil
  ) {
    self.context = context
    self.headers = headers
    self.query = query
    self.multiValueHeaders = multiValueHeaders
    self.multiValueQuery = multiValueQuery
    self.stageVariables = stageVariables
  }

  init(context: RequestContext, parts: EventParts) {
    self.init(
      context: context, headers: parts.headers, query: parts.query,
      multiValueHeaders: parts.multiValueHeaders.map(Array.init),
      multiValueQuery: parts.multiValueQuery.map(Array.init),
      stageVariables: parts.stageVariables.map(Array.init))
  }
}

/// A client sent a text frame. There are no headers on this event.
public struct MessageEvent {
  /// Which connection it is about, when and from where.
  public var context: RequestContext
  /// The frame, decoded from base64 if the event says so.
  public var body: [UInt8]

  package init(context: RequestContext, body: [UInt8]) {
    self.context = context
    self.body = body
  }

  init(context: RequestContext, parts: EventParts) throws(GatewayEventError) {
    let text = parts.body ?? ""
    guard parts.isBase64Encoded else {
      self.init(context: context, body: Array(text.utf8))
      return
    }
    guard let body = Base64.decode(text.utf8) else { throw .malformed("body: not base64") }
    self.init(context: context, body: body)
  }
}

/// A connection is closed, or was never finished. Delivered at best once, after the close.
public struct DisconnectEvent {
  /// Which connection it is about, when and from where.
  public var context: RequestContext
  /// `Host`, and three that are empty.
  package var headers: GatewayHeaders
  package var multiValueHeaders: [UInt8]?

  package init(context: RequestContext, headers: GatewayHeaders = GatewayHeaders(), multiValueHeaders: [UInt8]? = nil) {
    self.context = context
    self.headers = headers
    self.multiValueHeaders = multiValueHeaders
  }

  init(context: RequestContext, parts: EventParts) {
    self.init(
      context: context, headers: parts.headers, multiValueHeaders: parts.multiValueHeaders.map(Array.init))
  }
}

/// What API Gateway sent is not an event of a WebSocket route.
package enum GatewayEventError: Error, Equatable, CustomStringConvertible {
  case notJSON(JSONError)
  case missing(String)
  case malformed(String)
  case unknownEventType(String)

  package var description: String {
    switch self {
    case .notJSON(let error): "not an event of a WebSocket route: \(error)"
    case .missing(let name): "not an event of a WebSocket route: '\(name)' is missing"
    case .malformed(let what): "not an event of a WebSocket route: \(what)"
    case .unknownEventType(let type):
      "eventType is '\(type)', not CONNECT, MESSAGE or DISCONNECT"
    }
  }
}
