import JSON
package import Messaging

/// `requestContext` of an event: which connection, which request, when and from where.
package struct RequestContext {
  package var routeKey: String
  /// `CONNECT`, `MESSAGE` or `DISCONNECT`.
  package var eventType: String
  package var requestID: String
  package var extendedRequestID: String
  package var connectionID: ConnectionID
  /// Only on MESSAGE.
  package var messageID: String?
  package var apiID: String
  package var stage: String
  package var domainName: String
  /// `dd/MMM/yyyy:HH:mm:ss +0000`.
  package var requestTime: String
  /// Milliseconds since the epoch.
  package var requestTimeMilliseconds: Int64
  /// Milliseconds since the epoch.
  package var connectedAtMilliseconds: Int64
  package var sourceAddress: String
  /// Absent if the client sent none.
  package var userAgent: String?
  /// What the authorizer found, as it came; on every event after a CUSTOM authorizer, else nil.
  package var authorizer: [UInt8]?
  /// Only on DISCONNECT: the close code and its reason.
  package var disconnectStatusCode: Int?
  package var disconnectReason: String?

  package init(
    routeKey: String, eventType: String, requestID: String, connectionID: ConnectionID, messageID: String? = nil,
    apiID: String, stage: String, domainName: String, requestTime: String, requestTimeMilliseconds: Int64,
    connectedAtMilliseconds: Int64, sourceAddress: String, userAgent: String? = nil, authorizer: [UInt8]? = nil,
    disconnectStatusCode: Int? = nil, disconnectReason: String? = nil
  ) {
    self.routeKey = routeKey
    self.eventType = eventType
    self.requestID = requestID
    self.extendedRequestID = requestID
    self.connectionID = connectionID
    self.messageID = messageID
    self.apiID = apiID
    self.stage = stage
    self.domainName = domainName
    self.requestTime = requestTime
    self.requestTimeMilliseconds = requestTimeMilliseconds
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.sourceAddress = sourceAddress
    self.userAgent = userAgent
    self.authorizer = authorizer
    self.disconnectStatusCode = disconnectStatusCode
    self.disconnectReason = disconnectReason
  }

  init(_ reader: inout JSONReader) throws {
    var fields = Fields()
    try reader.beginObject()
    while let key = try reader.nextKey() { try fields.read(key, reader: &reader) }
    guard let eventType = fields.eventType else { throw GatewayEventError.missing("requestContext.eventType") }
    guard let name = fields.connectionID else { throw GatewayEventError.missing("requestContext.connectionId") }
    guard let connectionID = ConnectionID(name) else {
      throw GatewayEventError.malformed("requestContext.connectionId is not a connection's name")
    }
    self.init(
      routeKey: fields.routeKey, eventType: eventType, requestID: fields.requestID, connectionID: connectionID,
      messageID: fields.messageID, apiID: fields.apiID, stage: fields.stage, domainName: fields.domainName,
      requestTime: fields.requestTime, requestTimeMilliseconds: fields.requestTimeMilliseconds,
      connectedAtMilliseconds: fields.connectedAtMilliseconds, sourceAddress: fields.sourceAddress,
      userAgent: fields.userAgent, authorizer: fields.authorizer, disconnectStatusCode: fields.disconnectStatusCode,
      disconnectReason: fields.disconnectReason)
    if let extended = fields.extendedRequestID { extendedRequestID = extended }
  }

  private struct Fields {
    var routeKey = ""
    var eventType: String?
    var requestID = ""
    var extendedRequestID: String?
    var connectionID: String?
    var messageID: String?
    var apiID = ""
    var stage = ""
    var domainName = ""
    var requestTime = ""
    var requestTimeMilliseconds: Int64 = 0
    var connectedAtMilliseconds: Int64 = 0
    var sourceAddress = ""
    var userAgent: String?
    var authorizer: [UInt8]?
    var disconnectStatusCode: Int?
    var disconnectReason: String?

    mutating func read(_ key: String, reader: inout JSONReader) throws {
      if try reader.null() { return }
      switch key {
      case "routeKey": routeKey = try reader.string()
      case "eventType": eventType = try reader.string()
      case "requestId": requestID = try reader.string()
      case "extendedRequestId": extendedRequestID = try reader.string()
      case "connectionId": connectionID = try reader.string()
      case "messageId": messageID = try reader.string()
      case "apiId": apiID = try reader.string()
      case "stage": stage = try reader.string()
      case "domainName": domainName = try reader.string()
      case "requestTime": requestTime = try reader.string()
      case "requestTimeEpoch": requestTimeMilliseconds = try reader.integer()
      case "connectedAt": connectedAtMilliseconds = try reader.integer()
      case "identity": try readIdentity(from: &reader)
      case "authorizer": authorizer = Array(try reader.rawValue())
      case "disconnectStatusCode": disconnectStatusCode = Int(try reader.integer())
      case "disconnectReason": disconnectReason = try reader.string()
      default: try reader.skip()
      }
    }

    private mutating func readIdentity(from reader: inout JSONReader) throws {
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "sourceIp": sourceAddress = try reader.null() ? "" : reader.string()
        case "userAgent": userAgent = try reader.null() ? nil : reader.string()
        default: try reader.skip()
        }
      }
    }
  }
}

extension Destination {
  /// The connection that an event came from.
  package init(context: RequestContext) {
    self.init(connectionID: context.connectionID, domainName: context.domainName, stage: context.stage)
  }
}
