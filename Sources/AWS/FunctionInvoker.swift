import HTTPClient
package import Telemetry

/// Has a function run later, by itself: no caller waits for its answer.
package protocol AsynchronousInvocation {
  /// Returns when the invocation is queued.
  func invokeLater(_ function: String, payload: [UInt8]) throws
}

/// Lambda's Invoke API with the invocation type `Event`.
///
/// The endpoint is `AWS_ENDPOINT_URL_LAMBDA`, or `AWS_ENDPOINT_URL`, or the service of the region. Calls are signed
/// with the credentials of `CredentialChain`; where an endpoint of plain `http` is set and the environment holds no
/// key, as with the local gateway, they are not.
package final class FunctionInvoker: AsynchronousInvocation {
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
    let target = try target()
    let request = HTTPRequest(
      method: "POST", url: try HTTPURL("\(target.endpoint)/2015-03-31/functions/\(function)/invocations"),
      headers: [("Content-Type", "application/json"), ("X-Amz-Invocation-Type", "Event")], body: payload,
      totalMilliseconds: Self.answerMilliseconds)
    let response = try target.send(request)
    guard response.status == 202 else {
      throw InvocationRefused(function: function, status: response.status, body: response.body)
    }
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

/// Lambda did not queue an invocation.
package struct InvocationRefused: Error, Equatable, CustomStringConvertible {
  package let function: String
  package let status: Int
  let body: [UInt8]

  package var description: String {
    "Lambda answered \(status) for \(function): \(String(decoding: body.prefix(300), as: UTF8.self))"
  }
}
