/// A request that came to a function over HTTP, the same whichever front handed it over.
///
/// Decoded from what function URLs and HTTP APIs send (payload format 2.0) and from what REST APIs send (format 1.0):
///
///     let event = try HTTPEvent(decoding: bytes)
///     event.method                 // "GET"
///     event.segments               // ["api", "stream", "prices"]: decoded, without the stage
///     event.query["symbols"]       // "AAPL,GOOGL"
///     event.headers["last-event-id"]
///
/// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html,
/// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
public struct HTTPEvent {
  /// Which front, which request, from where and when.
  public var context: HTTPRequestContext
  /// As the client wrote it: `GET`.
  public var method: String
  /// Without the stage, and as it came: `%2F` and its like are not decoded. Begins with a slash.
  public var path: String
  /// Name and value of each parameter, decoded, in their order; of several with one name the last is found.
  public var query: QueryParameters
  /// In their order. The cookies of format 2.0 stand here too, as one field `cookie`.
  public var headers: HTTPFields
  /// Decoded from base64 if the event says so; empty if there is none.
  public var body: [UInt8]
  /// As it came, without a question mark; empty if there is none. REST APIs send it decoded: there it is made anew.
  package var rawQuery: String

  package init(
    context: HTTPRequestContext, method: String, path: String, rawQuery: String = "",
    query: QueryParameters = QueryParameters(), headers: HTTPFields = HTTPFields(), body: [UInt8] = []
  ) {
    self.context = context
    self.method = method
    self.path = path
    self.rawQuery = rawQuery
    self.query = query
    self.headers = headers
    self.body = body
  }

  /// The parts of the path between slashes, each decoded, a last slash left out. Nil for a path that is another one to whoever
  /// decodes it first: a segment `.` or `..` (`%2e%2e`), a slash or a control character inside a segment, a percent
  /// sign without digits, bytes that are not UTF-8.
  public var segments: [String]? { HTTPPath.segments(of: path) }

  /// Name and value of each cookie that the client sent, as they stand.
  public var cookies: [(name: String, value: String)] { HTTPCookies.pairs(in: headers.values("cookie")) }
}

/// What handed a request over, which decides the shape of event and answer.
public enum HTTPFront: String, Sendable, CaseIterable {
  /// A function URL (payload format 2.0). Streams answers if its invoke mode is RESPONSE_STREAM.
  case functionURL
  /// An HTTP API of API Gateway (payload format 2.0). Never streams.
  case httpAPI
  /// A REST API of API Gateway (format 1.0). Streams answers if the integration's transfer mode is STREAM.
  case restAPI
}

/// `requestContext` of an event: which front, which request, from where and when.
public struct HTTPRequestContext: Equatable, Sendable {
  /// Who handed the request over.
  public var front: HTTPFront
  /// The front's id of the request.
  public var requestID: String
  /// `$default` of a function URL; else the stage's name, which stood before the path or did not.
  public var stage: String
  /// The domain that the client connected to.
  public var domainName: String
  package var apiID: String
  /// The address that connected to the front: behind a CDN the CDN's.
  public var sourceAddress: String
  /// Absent if the client sent none.
  public var userAgent: String?
  /// `HTTP/1.1`.
  package var httpVersion: String
  /// `dd/MMM/yyyy:HH:mm:ss +0000`.
  package var requestTime: String
  /// When the front had the request, in milliseconds since the epoch.
  public var requestTimeMilliseconds: Int64
  /// What an authorizer found, as it came.
  public var authorizer: [UInt8]?

  package init(
    front: HTTPFront, requestID: String, stage: String = "$default", domainName: String = "", apiID: String = "",
    sourceAddress: String = "", userAgent: String? = nil, httpVersion: String = "HTTP/1.1", requestTime: String = "",
    requestTimeMilliseconds: Int64 = 0, authorizer: [UInt8]? = nil
  ) {
    self.front = front
    self.requestID = requestID
    self.stage = stage
    self.domainName = domainName
    self.apiID = apiID
    self.sourceAddress = sourceAddress
    self.userAgent = userAgent
    self.httpVersion = httpVersion
    self.requestTime = requestTime
    self.requestTimeMilliseconds = requestTimeMilliseconds
    self.authorizer = authorizer
  }
}
