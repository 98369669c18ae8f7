import HTTPClient
package import Telemetry

/// Has a function run later, by itself: no caller waits for its answer.
package protocol AsynchronousInvocation {
  /// Returns when the invocation is queued.
  func invokeLater(_ function: String, payload: [UInt8]) throws
}

/// Has a function run now, and waits for its answer.
package protocol SynchronousInvocation {
  /// `milliseconds`: how long the answer is waited for.
  func invoke(_ function: String, payload: [UInt8], milliseconds: Int) throws -> FunctionAnswer
}

/// What a function that was waited for answered.
package struct FunctionAnswer: Equatable, Sendable {
  package let body: [UInt8]
  /// `X-Amz-Function-Error`: the function failed, and the body says how. Nil: it did not.
  package let functionError: String?

  package init(body: [UInt8], functionError: String? = nil) {
    self.body = body
    self.functionError = functionError
  }
}

/// Lambda's Invoke API: with the invocation type `Event`, or `RequestResponse` for who waits.
///
/// The endpoint is `AWS_ENDPOINT_URL_LAMBDA`, or `AWS_ENDPOINT_URL`, or the service of the region. Calls are signed
/// with the credentials of `CredentialChain`; where an endpoint of plain `http` is set and the environment holds no
/// key, as with the local gateway, they are not.
package final class FunctionInvoker: AsynchronousInvocation, SynchronousInvocation {
  private let environment: Environment
  private let clock: Clock
  private var kept: (endpoint: String, send: (HTTPRequest) throws -> HTTPResponse)?

  /// Lambda queues an invocation in milliseconds; the caller has a deadline of its own.
  static let answerMilliseconds = 3_000

  /// Reads nothing yet: most invocations never call a function.
  package init(environment: Environment, clock: Clock = .system) {
    self.environment = environment
    self.clock = clock
  }

  package func invokeLater(_ function: String, payload: [UInt8]) throws {
    _ = try send(function, payload: payload, type: "Event", milliseconds: Self.answerMilliseconds, expecting: 202)
  }

  package func invoke(_ function: String, payload: [UInt8], milliseconds: Int) throws -> FunctionAnswer {
    let response = try send(
      function, payload: payload, type: "RequestResponse", milliseconds: milliseconds, expecting: 200)
    return FunctionAnswer(body: response.body, functionError: response.header("X-Amz-Function-Error"))
  }

  private func send(
    _ function: String, payload: [UInt8], type: String, milliseconds: Int, expecting status: Int
  ) throws -> HTTPResponse {
    let target = try target()
    let request = HTTPRequest(
      method: "POST", url: try HTTPURL("\(target.endpoint)/2015-03-31/functions/\(function)/invocations"),
      headers: [("Content-Type", "application/json"), ("X-Amz-Invocation-Type", type)], body: payload,
      totalMilliseconds: milliseconds)
    let response = try target.send(request)
    guard response.status == status else {
      throw InvocationRefused(function: function, status: response.status, body: response.body)
    }
    return response
  }

  private func target() throws -> (endpoint: String, send: (HTTPRequest) throws -> HTTPResponse) {
    if let kept { return kept }
    let made = try makeTarget()
    kept = made
    return made
  }

  private func makeTarget() throws -> (endpoint: String, send: (HTTPRequest) throws -> HTTPResponse) {
    let set = environment["AWS_ENDPOINT_URL_LAMBDA"] ?? environment["AWS_ENDPOINT_URL"]
    if let set, set.hasPrefix("http:"), environment["AWS_ACCESS_KEY_ID"] == nil {
      let session = try HTTPSession()
      return (set, { try session.send($0) })
    }
    let region = try Region.find(environment: environment)
    let session = try SignedSession(
      service: "lambda", region: region, source: CredentialChain(environment: environment, clock: clock), clock: clock)
    let endpoint = set ?? "https://lambda.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")"
    return (endpoint, { try session.send($0) })
  }
}

/// Lambda did not run or queue an invocation.
package struct InvocationRefused: Error, Equatable, CustomStringConvertible {
  package let function: String
  package let status: Int
  let body: [UInt8]

  package var description: String {
    "Lambda answered \(status) for \(function): \(String(decoding: body.prefix(300), as: UTF8.self))"
  }
}
