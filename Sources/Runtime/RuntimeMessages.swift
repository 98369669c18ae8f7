import HTTPWire
import Messaging

/// What is said to the Runtime API (version 2018-06-01) and what it says: the one file that knows its paths and headers.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
struct RuntimeMessages {
  private enum Path {
    static let next: StaticString = "/2018-06-01/runtime/invocation/next"
    static let invocation: StaticString = "/2018-06-01/runtime/invocation/"
    static let response: StaticString = "/response"
    static let error: StaticString = "/error"
    static let initError: StaticString = "/2018-06-01/runtime/init/error"
  }

  private enum Header {
    static let requestID: StaticString = "Lambda-Runtime-Aws-Request-Id"
    static let deadline: StaticString = "Lambda-Runtime-Deadline-Ms"
    static let functionARN: StaticString = "Lambda-Runtime-Invoked-Function-Arn"
    static let traceID: StaticString = "Lambda-Runtime-Trace-Id"
    static let tenantID: StaticString = "Lambda-Runtime-Aws-Tenant-Id"
    static let clientContext: StaticString = "Lambda-Runtime-Client-Context"
    static let cognitoIdentity: StaticString = "Lambda-Runtime-Cognito-Identity"
    static let invocationID: StaticString = "Lambda-Runtime-Invocation-Id"
    static let errorType: StaticString = "Lambda-Runtime-Function-Error-Type"
    static let errorBody: StaticString = "Lambda-Runtime-Function-Error-Body"
    static let responseMode: StaticString = "Lambda-Runtime-Function-Response-Mode"
    static let contentType: StaticString = "Content-Type"
  }

  private let host: SocketAddress
  /// The request that was written last; kept, so that an ordinary answer costs no allocation.
  private(set) var request: [UInt8] = []
  /// The one that never changes.
  let next: [UInt8]

  init(host: SocketAddress) {
    self.host = host
    var request: [UInt8] = []
    HTTPWriter.append("GET ", to: &request)
    HTTPWriter.append(Path.next, to: &request)
    Self.endRequestLine(host: host, of: &request)
    HTTPWriter.append("\r\n", to: &request)
    next = request
  }

  // MARK: Requests

  /// Writes the answer to an invocation, which is at most `maximumResponseBytes` long.
  mutating func writeResponse(_ response: [UInt8], to invocation: Invocation) {
    begin(invocation, outcome: Path.response)
    finish(body: response)
  }

  /// Writes the head of an answer whose body follows in chunks, and whose failure, if any, in trailers.
  mutating func writeStreamedResponse(to invocation: Invocation) {
    begin(invocation, outcome: Path.response)
    append(Header.responseMode, value: "streaming")
    append(Header.contentType, value: "application/vnd.awslambda.http-integration-response")
    append("Transfer-Encoding", value: "chunked")
    append("Trailer", value: "\(Header.errorType), \(Header.errorBody)")
    append("Connection", value: "close")
    HTTPWriter.append("\r\n", to: &request)
  }

  /// Writes that an invocation failed.
  mutating func writeError(_ failure: Failure, of invocation: Invocation) {
    begin(invocation, outcome: Path.error)
    finish(failure)
  }

  /// Writes that the function cannot start.
  mutating func writeStartError(_ failure: Failure) {
    begin()
    HTTPWriter.append(Path.initError, to: &request)
    Self.endRequestLine(host: host, of: &request)
    finish(failure)
  }

  /// The fields behind the last chunk of a streamed answer that failed after it had begun.
  static func trailers(of failure: Failure) -> [(name: String, value: String)] {
    let cropped = Failure(type: failure.type, message: String(failure.message.prefix(maximumTrailerCharacters)))
    return [
      ("\(Header.errorType)", failure.headerType), ("\(Header.errorBody)", Base64.encode(cropped.body)),
    ]
  }

  /// Trailers are read into the room of a head.
  private static let maximumTrailerCharacters = 1_000

  // MARK: Answers

  /// The event that came in answer to `next`.
  static func invocation(_ answer: RuntimeConnection.Answer) throws(RuntimeAPIError) -> Invocation {
    let headers = answer.headers
    guard let requestID = headers[Header.requestID], !requestID.isEmpty else {
      throw RuntimeAPIError(.next, .missingHeader(Header.requestID))
    }
    guard let deadline = headers[Header.deadline].flatMap({ Int64($0) }) else {
      throw RuntimeAPIError(.next, .missingHeader(Header.deadline))
    }
    let context = InvocationContext(
      requestID: requestID, deadlineMilliseconds: deadline, invokedFunctionARN: headers[Header.functionARN] ?? "",
      traceID: headers[Header.traceID], tenantID: headers[Header.tenantID],
      clientContext: headers[Header.clientContext], cognitoIdentity: headers[Header.cognitoIdentity],
      contentType: headers[Header.contentType])
    return Invocation(event: answer.body, context: context, deliveryID: headers[Header.invocationID])
  }

  // MARK: Bytes

  private mutating func begin() {
    request.removeAll(keepingCapacity: request.capacity <= 64 << 10)
    HTTPWriter.append("POST ", to: &request)
  }

  private mutating func begin(_ invocation: Invocation, outcome: StaticString) {
    begin()
    HTTPWriter.append(Path.invocation, to: &request)
    // A caller may choose the request id: nothing in it may end or lengthen the path.
    PercentEncoding.append(invocation.context.requestID, to: &request)
    HTTPWriter.append(outcome, to: &request)
    Self.endRequestLine(host: host, of: &request)
    if let deliveryID = invocation.deliveryID { append(Header.invocationID, value: deliveryID) }
  }

  private mutating func finish(_ failure: Failure) {
    append(Header.errorType, value: failure.headerType)
    finish(body: failure.body)
  }

  private mutating func finish(body: [UInt8]) {
    HTTPWriter.append("Content-Type: application/json\r\nContent-Length: ", to: &request)
    HTTPWriter.append(decimal: body.count, to: &request)
    HTTPWriter.append("\r\n\r\n", to: &request)
    request.append(contentsOf: body)
  }

  private static func endRequestLine(host: SocketAddress, of request: inout [UInt8]) {
    HTTPWriter.append(" HTTP/1.1\r\nHost: ", to: &request)
    request.append(contentsOf: host.text.utf8)
    HTTPWriter.append("\r\n", to: &request)
  }

  /// `value` came in a header or was made here: no line break can be in it.
  private mutating func append(_ name: StaticString, value: String) {
    HTTPWriter.append(name, to: &request)
    HTTPWriter.append(": ", to: &request)
    request.append(contentsOf: value.utf8)
    HTTPWriter.append("\r\n", to: &request)
  }
}

/// One event, and what its answer needs to find its way back.
struct Invocation {
  let event: [UInt8]
  let context: InvocationContext
  /// `Lambda-Runtime-Invocation-Id`, new with each delivery: sent back with the answer, so that Lambda can tell a late
  /// answer from the right one. Older Runtime APIs send none.
  let deliveryID: String?
}
