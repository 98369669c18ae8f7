import Crypto
import HTTPWire

/// Signs requests to one service in one region with Signature Version 4, in headers or in the query.
///
///     var signer = Signer(region: "eu-west-1", service: "dynamodb")
///     request.headers += signer.headers(signing: request, with: credentials, at: SigningMoment(secondsSinceEpoch: now))
///
/// The signing key is kept for its day.
package struct Signer: Sendable {
  package let region: String
  package let service: String
  private var kept: (scope: SigningScope, secretAccessKey: String, key: SigningKey)?

  package init(region: String, service: String) {
    self.region = region
    self.service = service
  }

  /// A request before it is signed.
  package struct Request: Sendable {
    package var method: String
    /// Path and query as they are sent.
    package var target: String
    /// All of these are signed; `Host` has to be one.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// Whether `X-Amz-Content-Sha256` is sent too, as S3 demands.
    package var sendsPayloadHash = false
    /// False leaves the session token out of the signature, as few services want: it is added afterwards.
    package var signsSessionToken = true
    /// False for S3 only.
    package var normalizesPath = true

    package init(
      method: String, target: String, headers: [(name: String, value: String)], body: [UInt8] = []
    ) {
      self.method = method
      self.target = target
      self.headers = headers
      self.body = body
    }

    func canonical(
      target: String? = nil, adding added: [(name: String, value: String)] = [], payload: Digest
    ) -> CanonicalRequest {
      CanonicalRequest(
        method: method, target: target ?? self.target, headers: headers + added, payload: payload,
        normalizesPath: normalizesPath)
    }
  }

  // MARK: In headers

  /// The headers to add to the request, `Authorization` last.
  package mutating func headers(
    signing request: Request, with credentials: Credentials, at moment: SigningMoment
  ) -> [(name: String, value: String)] {
    let canonical = Self.canonicalRequest(request, credentials: credentials, moment: moment)
    let scope = moment.scope(region: region, service: service)
    let signature = key(credentials, scope: scope).signature(of: StringToSign.text(canonical, at: moment, scope: scope))
    let authorization =
      "\(StringToSign.algorithm) Credential=\(credentials.accessKeyID)/\(scope.text), "
      + "SignedHeaders=\(canonical.signedHeaders), Signature=\(signature.hexadecimal)"
    return Self.added(request, credentials: credentials, moment: moment).map { ($0.name, $0.value) } + [
      ("Authorization", authorization)
    ]
  }

  /// The first stage of `headers`.
  package static func canonicalRequest(
    _ request: Request, credentials: Credentials, moment: SigningMoment
  ) -> CanonicalRequest {
    let signed = added(request, credentials: credentials, moment: moment).filter(\.isSigned).map { ($0.name, $0.value) }
    return request.canonical(adding: signed, payload: CanonicalRequest.payloadHash(request.body))
  }

  private static func added(
    _ request: Request, credentials: Credentials, moment: SigningMoment
  ) -> [(name: String, value: String, isSigned: Bool)] {
    var added = [(name: "X-Amz-Date", value: moment.text, isSigned: true)]
    if let token = credentials.sessionToken {
      added.append(("X-Amz-Security-Token", token, request.signsSessionToken))
    }
    if request.sendsPayloadHash {
      added.append(("X-Amz-Content-Sha256", CanonicalRequest.payloadHash(request.body).hexadecimal, true))
    }
    return added
  }

  // MARK: In the query

  /// The target to send in place of the request's: any holder of it may send the request until it expires.
  package mutating func presignedTarget(
    _ request: Request, with credentials: Credentials, at moment: SigningMoment, expirySeconds: Int
  ) -> String {
    let canonical = canonicalPresignedRequest(
      request, credentials: credentials, moment: moment, expirySeconds: expirySeconds)
    let scope = moment.scope(region: region, service: service)
    let signature = key(credentials, scope: scope).signature(of: StringToSign.text(canonical, at: moment, scope: scope))
    var target = presignTarget(request, credentials: credentials, moment: moment, expirySeconds: expirySeconds)
    if let token = credentials.sessionToken, !request.signsSessionToken { target += Self.parameter(token) }
    return "\(target)&X-Amz-Signature=\(signature.hexadecimal)"
  }

  /// The first stage of `presignedTarget`.
  package func canonicalPresignedRequest(
    _ request: Request, credentials: Credentials, moment: SigningMoment, expirySeconds: Int
  ) -> CanonicalRequest {
    request.canonical(
      target: presignTarget(request, credentials: credentials, moment: moment, expirySeconds: expirySeconds),
      payload: CanonicalRequest.payloadHash(request.body))
  }

  /// All but the signature.
  private func presignTarget(
    _ request: Request, credentials: Credentials, moment: SigningMoment, expirySeconds: Int
  ) -> String {
    let scope = moment.scope(region: region, service: service)
    let names = request.canonical(payload: CanonicalRequest.payloadHash([])).signedHeaders
    let credential = PercentEncoding.encode("\(credentials.accessKeyID)/\(scope.text)")
    var target = request.target
    target += target.contains("?") ? "&" : "?"
    target += "X-Amz-Algorithm=\(StringToSign.algorithm)&X-Amz-Credential=\(credential)&X-Amz-Date=\(moment.text)"
    target += "&X-Amz-SignedHeaders=\(PercentEncoding.encode(names))&X-Amz-Expires=\(expirySeconds)"
    if let token = credentials.sessionToken, request.signsSessionToken { target += Self.parameter(token) }
    return target
  }

  private static func parameter(_ token: String) -> String { "&X-Amz-Security-Token=\(PercentEncoding.encode(token))" }

  // MARK: The key

  private mutating func key(_ credentials: Credentials, scope: SigningScope) -> SigningKey {
    if let kept, kept.scope == scope, kept.secretAccessKey == credentials.secretAccessKey { return kept.key }
    let key = SigningKey(secretAccessKey: credentials.secretAccessKey, scope: scope)
    kept = (scope, credentials.secretAccessKey, key)
    return key
  }
}

extension Signer: CustomStringConvertible, CustomReflectable {
  package var description: String { "Signer(\(service) in \(region))" }
  package var customMirror: Mirror { Mirror(self, children: ["region": region, "service": service]) }
}
