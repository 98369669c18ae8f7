package import AWSSigning
package import HTTPClient
package import Telemetry

/// Signs requests to one service, and learns from refusals: how far the service's clock is away, and that credentials
/// have ended. For callers that send by other means than a `SignedSession`, several requests at once for example.
package final class SigningAuthority {
  /// A request as it is to be sent, and what it was signed with.
  package struct Signed: Sendable {
    package let request: HTTPRequest
    let credentials: Credentials
    let moment: SigningMoment
  }

  private let source: any CredentialSource
  private let clock: Clock
  private var signer: Signer
  private var skew = ClockSkew()

  package init(service: String, region: String, source: any CredentialSource, clock: Clock = .system) {
    self.source = source
    self.clock = clock
    signer = Signer(region: region, service: service)
  }

  /// Signs the host, the content type and every `X-Amz-` header: others may change on the way.
  package func sign(_ request: HTTPRequest) throws(CredentialError) -> Signed {
    let credentials = try source.credentials()
    let moment = SigningMoment(secondsSinceEpoch: clock.seconds + skew.seconds)
    var signed = request
    signed.headers += signer.headers(signing: Self.signable(request), with: credentials, at: moment)
    return Signed(request: signed, credentials: credentials, moment: moment)
  }

  /// Whether the same request, signed again, may be answered otherwise than it was.
  package func learn(from response: HTTPResponse, to signed: Signed) -> Bool {
    guard response.status == 400 || response.status == 401 || response.status == 403 else { return false }
    let said =
      (response.header("x-amzn-errortype") ?? "") + " " + String(decoding: response.body.prefix(4096), as: UTF8.self)
    if skew.learn(
      status: response.status, date: response.header("date"), said: said,
      signedAt: signed.moment.secondsSinceEpoch, now: clock.seconds)
    {
      return true
    }
    guard ["ExpiredToken", "UnrecognizedClient"].contains(where: said.contains) else { return false }
    source.discard(signed.credentials)
    return (try? source.credentials()).map { $0 != signed.credentials } ?? false
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
