package import Telemetry

/// With what requests to one service are signed, and what its refusals have taught: how far its clock is away, and that
/// credentials have ended. All who call one service share one.
package final class SigningAuthority {
  package let region: String
  package let service: String
  private let source: any CredentialSource
  private let clock: Clock
  private var signer: Signer
  private var skew = ClockSkew()

  package init(service: String, region: String, source: any CredentialSource, clock: Clock = .system) {
    self.region = region
    self.service = service
    self.source = source
    self.clock = clock
    signer = Signer(region: region, service: service)
  }

  /// What a request was signed with: a caller that learns from the answer keeps it.
  package struct Proof: Sendable, Equatable {
    package let credentials: Credentials
    /// In seconds since the epoch, by the service's clock as far as that is known.
    package let signedAt: Int64

    package init(credentials: Credentials, signedAt: Int64) {
      self.credentials = credentials
      self.signedAt = signedAt
    }
  }

  /// With what a request is to be signed now.
  package func proof() throws(CredentialError) -> Proof {
    Proof(credentials: try source.credentials(), signedAt: clock.seconds + skew.seconds)
  }

  /// The headers to add to a request.
  package func headers(
    signing request: Signer.Request, with proof: Proof
  ) -> [(name: String, value: String)] {
    signer.headers(
      signing: request, with: proof.credentials, at: SigningMoment(secondsSinceEpoch: proof.signedAt))
  }

  /// The target of a request that bears its signature in the query, good for so long.
  package func presignedTarget(_ request: Signer.Request, with proof: Proof, expirySeconds: Int) -> String {
    signer.presignedTarget(
      request, with: proof.credentials, at: SigningMoment(secondsSinceEpoch: proof.signedAt),
      expirySeconds: expirySeconds)
  }

  /// An answer that may be a refusal of the signature.
  package struct Refusal: Sendable {
    package let status: Int
    /// The `Date` header.
    package let date: String?
    /// The `x-amzn-ErrorType` header.
    package let errorType: String?
    package let body: [UInt8]

    package init(status: Int, date: String?, errorType: String?, body: [UInt8]) {
      self.status = status
      self.date = date
      self.errorType = errorType
      self.body = body
    }

    /// Services name the error in the header, in the body, or in both.
    var said: String { (errorType ?? "") + " " + String(decoding: body.prefix(4096), as: UTF8.self) }
  }

  /// Whether the same request, signed again, may be answered otherwise than it was.
  package func learn(from refusal: Refusal, of proof: Proof) -> Bool {
    guard refusal.status == 400 || refusal.status == 401 || refusal.status == 403 else { return false }
    let said = refusal.said
    if skew.learn(
      status: refusal.status, date: refusal.date, said: said, signedAt: proof.signedAt, now: clock.seconds)
    {
      return true
    }
    guard
      ["ExpiredToken", "UnrecognizedClient", "security token included in the request is expired"].contains(
        where: said.holds)
    else {
      return false
    }
    source.discard(proof.credentials)
    return (try? source.credentials()).map { $0 != proof.credentials } ?? false
  }
}
