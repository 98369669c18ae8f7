package import HTTPClient
package import Telemetry

/// Calls one AWS service: signs each request, keeps the connections.
///
///     let session = try SignedSession(
///       service: "dynamodb", region: "eu-west-1", source: CredentialChain(.process))
///     let answer = try session.send(HTTPRequest(method: "POST", url: url, headers: headers, body: body))
///
/// A request that was refused because of this machine's clock, or of credentials that have ended, is signed anew and
/// sent once more. Nothing else is retried, and a status of 400 and above is an answer too.
package final class SignedSession {
  package let authority: SigningAuthority
  private let session: HTTPSession

  /// Fails only when libcurl cannot start.
  package convenience init(
    service: String, region: String, source: any CredentialSource, clock: Clock = .system,
    tls: TLSOptions = .standard
  ) throws(HTTPClientError) {
    try self.init(SigningAuthority(service: service, region: region, source: source, clock: clock), tls: tls)
  }

  /// Sessions that share an authority share what it has learned. `signalDescriptor` is as for `HTTPSession`.
  package init(
    _ authority: SigningAuthority, tls: TLSOptions = .standard, signalDescriptor: Int32? = nil
  ) throws(HTTPClientError) {
    self.authority = authority
    session = try HTTPSession(tls: tls, signalDescriptor: signalDescriptor)
  }

  package func send(_ request: HTTPRequest) throws(AWSCallError) -> HTTPResponse {
    try send([request])[0].get()
  }

  /// Sends all of them at once and waits until all have ended; the outcomes are in the order of the requests.
  package func send(_ requests: [HTTPRequest]) -> [Result<HTTPResponse, AWSCallError>] {
    let firsts = attempt(requests)
    var outcomes = firsts.map(\.outcome)
    let again = firsts.indices.filter { index in
      guard case .success(let response) = firsts[index].outcome, let signed = firsts[index].signed else { return false }
      return authority.learn(from: response, to: signed)
    }
    guard !again.isEmpty else { return outcomes }
    for (index, second) in zip(again, attempt(again.map { requests[$0] })) { outcomes[index] = second.outcome }
    return outcomes
  }

  private func attempt(
    _ requests: [HTTPRequest]
  ) -> [(signed: SignedRequest?, outcome: Result<HTTPResponse, AWSCallError>)] {
    let signed: [SignedRequest]
    do throws(CredentialError) {
      signed = try authority.sign(requests)
    } catch {
      return requests.map { _ in (nil, .failure(.credentials(error))) }
    }
    return zip(signed, session.send(signed.map(\.request))).map { ($0, $1.mapError { .transport($0) }) }
  }
}

/// A request as it is to be sent, and what it was signed with.
package struct SignedRequest: Sendable {
  package let request: HTTPRequest
  package let proof: SigningAuthority.Proof
}

extension SigningAuthority {
  /// Signs the host, the content type and every `X-Amz-` header: others may change on the way. For callers that send by
  /// other means than a `SignedSession`.
  package func sign(_ request: HTTPRequest) throws(CredentialError) -> SignedRequest {
    let proof = try proof()
    var signed = request
    signed.headers += headers(signing: Self.signable(request), with: proof)
    return SignedRequest(request: signed, proof: proof)
  }

  func sign(_ requests: [HTTPRequest]) throws(CredentialError) -> [SignedRequest] {
    var signed: [SignedRequest] = []
    for request in requests { signed.append(try sign(request)) }
    return signed
  }

  /// Whether the same request, signed again, may be answered otherwise than it was.
  package func learn(from response: HTTPResponse, to signed: SignedRequest) -> Bool {
    learn(
      from: Refusal(
        status: response.status, date: response.header("date"), errorType: response.header("x-amzn-errortype"),
        body: response.body), of: signed.proof)
  }

  private static func signable(_ request: HTTPRequest) -> Signer.Request {
    let headers = request.headers.filter {
      let name = $0.name.lowercased()
      return name == "content-type" || name.hasPrefix("x-amz-")
    }
    return Signer.Request(
      method: request.method, target: request.url.target, headers: headers + [("Host", request.url.authority)],
      body: request.body ?? [])
  }
}

/// A call without an answer.
package enum AWSCallError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing was sent.
  case credentials(CredentialError)
  /// The call may have taken effect.
  case transport(HTTPClientError)

  package var description: String {
    switch self {
    case .credentials(let error): error.description
    case .transport(let error): error.description
    }
  }
}
