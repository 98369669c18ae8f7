import JSON
import Messaging

extension GatewayEvent {
  /// The event as API Gateway writes it, with its keys in that order: what is absent here is absent there.
  package func encoded() -> [UInt8] {
    var writer = JSONWriter(reservingBytes: reservedBytes)
    writer.object { writer in
      if case .connect(let event) = self { event.encodeMembers(to: &writer) }
      if case .disconnect(let event) = self { event.encodeMembers(to: &writer) }
      writer.key("requestContext")
      context.encode(to: &writer)
      if case .message(let event) = self { writer.member("body", String(decoding: event.body, as: UTF8.self)) }
      writer.member("isBase64Encoded", false)
    }
    return writer.bytes
  }

  private var reservedBytes: Int {
    if case .message(let event) = self { event.body.count + 1_024 } else { 2_048 }
  }
}

extension ConnectEvent {
  fileprivate func encodeMembers(to writer: inout JSONWriter) {
    writer.member("headers", rawIfPresent: headers.json)
    writer.member("multiValueHeaders", rawIfPresent: multiValueHeaders)
    if !query.pairs.isEmpty {
      writer.key("queryStringParameters")
      writer.object { writer in
        for (name, value) in query.pairs { writer.member(name, value) }
      }
    }
    writer.member("multiValueQueryStringParameters", rawIfPresent: multiValueQuery)
    writer.member("stageVariables", rawIfPresent: stageVariables)
  }
}

extension DisconnectEvent {
  fileprivate func encodeMembers(to writer: inout JSONWriter) {
    writer.member("headers", rawIfPresent: headers.json)
    writer.member("multiValueHeaders", rawIfPresent: multiValueHeaders)
  }
}

extension RequestContext {
  fileprivate func encode(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("routeKey", routeKey)
      writer.member("authorizer", rawIfPresent: authorizer)
      writer.member("messageId", ifPresent: messageID)
      if let disconnectStatusCode { writer.member("disconnectStatusCode", disconnectStatusCode) }
      writer.member("eventType", eventType)
      writer.member("extendedRequestId", extendedRequestID)
      writer.member("requestTime", requestTime)
      writer.member("messageDirection", "IN")
      writer.member("disconnectReason", ifPresent: disconnectReason)
      writer.member("stage", stage)
      writer.member("connectedAt", connectedAtMilliseconds)
      writer.member("requestTimeEpoch", requestTimeMilliseconds)
      writer.key("identity")
      writer.object { writer in
        writer.member("userAgent", ifPresent: userAgent)
        writer.member("sourceIp", sourceAddress)
      }
      writer.member("requestId", requestID)
      writer.member("domainName", domainName)
      writer.member("connectionId", connectionID.text)
      writer.member("apiId", apiID)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, rawIfPresent value: (some Sequence<UInt8>)?) {
    if let value { member(name, raw: value) }
  }
}
