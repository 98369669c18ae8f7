package import AWSSigning
package import HTTPClient
package import Telemetry

/// Calls one AWS service: signs each request, keeps the connection.
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
    service: String, region: String, source: any CredentialSource, clock: Clock = .system
  ) throws(HTTPClientError) {
    try self.init(SigningAuthority(service: service, region: region, source: source, clock: clock))
  }

  /// Sessions that share an authority share what it has learned.
  package init(_ authority: SigningAuthority) throws(HTTPClientError) {
    self.authority = authority
    session = try HTTPSession()
  }

  package func send(_ request: HTTPRequest) throws(AWSCallError) -> HTTPResponse {
    let first = try attempt(request)
    return authority.learn(from: first.response, to: first.signed) ? try attempt(request).response : first.response
  }

  private func attempt(
    _ request: HTTPRequest
  ) throws(AWSCallError) -> (response: HTTPResponse, signed: SigningAuthority.Signed) {
    let signed: SigningAuthority.Signed
    do throws(CredentialError) { signed = try authority.sign(request) } catch { throw .credentials(error) }
    do throws(HTTPClientError) {
      return (try session.send(signed.request), signed)
    } catch {
      throw .transport(error)
    }
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
