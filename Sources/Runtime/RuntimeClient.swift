import HTTPWire
import JSON

/// Speaks the Runtime API (version 2018-06-01): the one file that knows its paths, headers and statuses.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
struct RuntimeClient: ~Copyable {
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
    static let contentType: StaticString = "Content-Type"
  }

  /// The largest answer that Lambda takes: 6 MiB and 100 bytes.
  static let maximumResponseBytes = 6 * 1024 * 1024 + 100

  private var connection: RuntimeConnection
  private let nextRequest: [UInt8]
  /// The request being written; kept, so that an ordinary answer costs no allocation.
  private var request: [UInt8] = []

  init(to address: SocketAddress) {
    connection = RuntimeConnection(to: address)
    var request: [UInt8] = []
    HTTPWriter.append("GET ", to: &request)
    HTTPWriter.append(Path.next, to: &request)
    Self.endRequestLine(host: address, of: &request)
    HTTPWriter.append("\r\n", to: &request)
    nextRequest = request
  }

  // MARK: Requests

  /// Waits, as long as it takes, for the next event.
  mutating func next() throws(RuntimeAPIError) -> Invocation {
    let answer = try exchange(nextRequest, call: .next)
    guard answer.status == 200 else { throw RuntimeAPIError(.next, .refused(Refusal(answer))) }
    return try Self.invocation(answer)
  }

  /// Ends the invocation with the handler's answer, which is at most `maximumResponseBytes` long. Lambda counts, and
  /// bills, the invocation as over only when `next` is called.
  mutating func succeed(_ invocation: Invocation, with response: [UInt8]) throws(RuntimeAPIError) -> Refusal? {
    begin(invocation, outcome: Path.response)
    finish(body: response)
    return try post(.response)
  }

  /// Ends the invocation as failed.
  mutating func fail(_ invocation: Invocation, with failure: Failure) throws(RuntimeAPIError) -> Refusal? {
    begin(invocation, outcome: Path.error)
    finish(failure)
    return try post(.error)
  }

  /// Says that the function cannot start; the process is expected to exit then.
  mutating func failStart(with failure: Failure) throws(RuntimeAPIError) -> Refusal? {
    begin()
    HTTPWriter.append(Path.initError, to: &request)
    Self.endRequestLine(host: connection.address, of: &request)
    finish(failure)
    return try post(.initError)
  }

  // MARK: Answers

  /// Sends `request`. A refusal that concerns this invocation alone is returned; one after which nothing can go on is
  /// thrown.
  private mutating func post(_ call: RuntimeAPIError.Call) throws(RuntimeAPIError) -> Refusal? {
    let answer = try exchange(request, call: call)
    switch answer.status {
    case 200..<300: return nil
    // The first copy had arrived: Lambda knows no such invocation any more, or has its answer.
    case 400 where answer.wasRepeated, 403 where answer.wasRepeated: return nil
    // An id that is unknown or answered (400), an invocation that timed out (410), an answer too large (413).
    case 400..<500 where answer.status != 403: return Refusal(answer)
    default: throw RuntimeAPIError(call, .refused(Refusal(answer)))
    }
  }

  private mutating func exchange(
    _ request: [UInt8], call: RuntimeAPIError.Call
  ) throws(RuntimeAPIError) -> RuntimeConnection.Answer {
    do {
      return try connection.exchange(request)
    } catch {
      throw RuntimeAPIError(call, .connection(error))
    }
  }

  private static func invocation(_ answer: RuntimeConnection.Answer) throws(RuntimeAPIError) -> Invocation {
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
    Self.endRequestLine(host: connection.address, of: &request)
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
