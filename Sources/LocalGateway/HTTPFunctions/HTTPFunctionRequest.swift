import HTTPWire
import LambdaEvents
import Messaging
import Telemetry

/// Makes the event of a request, as its front would.
struct HTTPFunctionRequest {
  let front: HTTPFront
  let stage: String
  let port: UInt16
  let region: String
  let clock: Clock
  let randomness: Randomness

  private static let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

  /// What concerns the connection, not the function (RFC 9110 section 7.6.1).
  private static let hopByHop = [
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
  ]

  func check(_ request: HTTPRequest, maximumHeaderBytes: Int) throws(HTTPFunctionRefusal) {
    guard Self.methods.contains(request.method) else {
      throw .methodNotAllowed(allowed: Self.methods.joined(separator: ", "))
    }
    guard request.headers.byteCount <= maximumHeaderBytes else { throw .headersTooLarge }
  }

  func invocation(
    _ request: HTTPRequest
  ) throws(HTTPFunctionRefusal) -> (payload: [UInt8], context: Invocation.Context) {
    let headers = ForwardedHeaders.of(request, leavingOut: Self.hopByHop, port: port) {
      TraceID.makeRoot(clock, randomness: randomness)
    }
    var context = Invocation.Context()
    let requestID = randomness.uuid()
    context.requestID = requestID
    context.traceID = headers.last { $0.name == "X-Amzn-Trace-Id" }?.value
    let event = HTTPEvent(
      context: requestContext(of: request, id: requestID), method: request.method, path: path(of: request),
      rawQuery: String(request.query ?? ""), headers: headers, body: request.body)
    let payload = event.encoded()
    guard payload.count <= InvokeAPI.maximumRequestBytes else { throw .bodyTooLarge }
    return (payload, context)
  }

  /// A REST API's stage stands before the path or does not: it is reached by its own domain name too.
  private func path(of request: HTTPRequest) -> String {
    let prefix = "/\(stage)/"
    guard front == .restAPI, request.path.hasPrefix(prefix) else { return String(request.path) }
    return String(request.path.dropFirst(prefix.count - 1))
  }

  /// By a function URL's own domain name functions tell it from an HTTP API, whose events are alike.
  private func domainName(of request: HTTPRequest) -> String {
    front == .functionURL ? "local.lambda-url.\(region).on.aws" : request.authority
  }

  private func requestContext(of request: HTTPRequest, id: String) -> HTTPRequestContext {
    let now = clock.milliseconds()
    return HTTPRequestContext(
      front: front, requestID: id, stage: front == .restAPI ? stage : "$default", domainName: domainName(of: request),
      apiID: "local", sourceAddress: ConnectionIdentity.sourceIP, userAgent: request.headers["user-agent"],
      httpVersion: request.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1",
      requestTime: Timestamp.gatewayRequestTime(milliseconds: now), requestTimeMilliseconds: now)
  }
}
