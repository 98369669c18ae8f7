import JSON
import Telemetry

/// What every event of one connection tells about it.
struct ConnectionIdentity {
  let key: ConnectionKey
  /// Milliseconds since the epoch.
  let connectedAt: Int64
  /// The client's `Host`, port included.
  let domainName: String
  let userAgent: String?
  /// Its place among the connections that were opened.
  var number = 0
  /// Only this machine can reach the gateway.
  static let sourceIP = "127.0.0.1"
}

/// Writes the proxy events of an API Gateway WebSocket API: keys, their order and what is left out as AWS sends them.
struct GatewayEventWriter {
  let stage: String
  let clock: Clock
  let randomness: Randomness

  /// CONNECT has the request's headers and query, and no body.
  func connect(_ identity: ConnectionIdentity, headers: [(name: String, value: String)], query: Query?) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 2048)
    writer.object { writer in
      write("headers", multiple: "multiValueHeaders", fields: headers, to: &writer)
      if let parameters = query?.parameters, !parameters.isEmpty {
        write("queryStringParameters", multiple: "multiValueQueryStringParameters", fields: parameters, to: &writer)
      }
      context(identity, routeKey: "$connect", eventType: "CONNECT", to: &writer)
      writer.member("isBase64Encoded", false)
    }
    return writer.bytes
  }

  /// MESSAGE has the frame's text and no headers at all. `requestID` is what an error frame would name.
  func message(_ identity: ConnectionIdentity, routeKey: String, requestID: String, body: [UInt8]) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: body.count + 1024)
    writer.object { writer in
      context(identity, routeKey: routeKey, eventType: "MESSAGE", requestID: requestID, to: &writer)
      writer.member("body", String(decoding: body, as: UTF8.self))
      writer.member("isBase64Encoded", false)
    }
    return writer.bytes
  }

  /// DISCONNECT has these four headers, three of them empty, whatever the client sent.
  func disconnect(_ identity: ConnectionIdentity, code: UInt16, reason: String) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 1024)
    writer.object { writer in
      let headers = [("Host", identity.domainName), ("x-api-key", ""), ("X-Forwarded-For", ""), ("x-restapi", "")]
      write("headers", multiple: "multiValueHeaders", fields: headers.map { (name: $0.0, value: $0.1) }, to: &writer)
      context(identity, routeKey: "$disconnect", eventType: "DISCONNECT", disconnect: (code, reason), to: &writer)
      writer.member("isBase64Encoded", false)
    }
    return writer.bytes
  }

  /// Looks like a connection id, as AWS's request and message ids do.
  func makeID() -> String { ConnectionKey.random(randomness).text }

  func makeTraceRoot() -> String { TraceID.makeRoot(clock, randomness: randomness) }

  private func context(
    _ identity: ConnectionIdentity, routeKey: String, eventType: String, requestID: String? = nil,
    disconnect: (code: UInt16, reason: String)? = nil, to writer: inout JSONWriter
  ) {
    let now = clock.milliseconds()
    let request = requestID ?? makeID()
    writer.key("requestContext")
    writer.object { writer in
      writer.member("routeKey", routeKey)
      if eventType == "MESSAGE" { writer.member("messageId", makeID()) }
      if let disconnect { writer.member("disconnectStatusCode", disconnect.code) }
      writer.member("eventType", eventType)
      writer.member("extendedRequestId", request)
      writer.member("requestTime", Timestamp.gatewayRequestTime(milliseconds: now))
      writer.member("messageDirection", "IN")
      writer.member("disconnectReason", ifPresent: disconnect?.reason)
      writer.member("stage", stage)
      writer.member("connectedAt", identity.connectedAt)
      writer.member("requestTimeEpoch", now)
      writer.key("identity")
      writer.object { writer in
        writer.member("userAgent", ifPresent: identity.userAgent)
        writer.member("sourceIp", ConnectionIdentity.sourceIP)
      }
      writer.member("requestId", request)
      writer.member("domainName", identity.domainName)
      writer.member("connectionId", identity.key.text)
      writer.member("apiId", "local")
    }
  }

  /// A name once with its last value, and once with all of them.
  private func write(
    _ single: String, multiple: String, fields: [(name: String, value: String)], to writer: inout JSONWriter
  ) {
    var order: [String] = []
    var values: [String: [String]] = [:]
    for field in fields {
      if values[field.name] == nil { order.append(field.name) }
      values[field.name, default: []].append(field.value)
    }
    writer.key(single)
    writer.object { writer in
      for name in order { writer.member(name, ifPresent: values[name]?.last) }
    }
    writer.key(multiple)
    writer.object { writer in
      for name in order {
        writer.key(name)
        writer.array { writer in
          for value in values[name] ?? [] { writer.string(value) }
        }
      }
    }
  }
}
