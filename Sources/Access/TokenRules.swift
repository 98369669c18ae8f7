package import Messaging
import Telemetry

/// What a token must say to be taken.
package struct TokenRules: Equatable, Sendable {
  /// `iss` must be this; nil: it may be any.
  package var issuer: String?
  /// `aud` must name one of these. Where there are none, a token that names an audience is for somebody else (RFC 7519,
  /// section 4.1.3).
  package var audiences: [String]
  /// By how much clocks may differ.
  package var leewaySeconds: Int64
  /// The claim that names the user.
  package var userClaim: String

  package init(
    issuer: String? = nil, audiences: [String] = [], leewaySeconds: Int64 = 60, userClaim: String = "sub"
  ) {
    self.issuer = issuer
    self.audiences = audiences
    self.leewaySeconds = leewaySeconds
    self.userClaim = userClaim
  }

  /// Who the token speaks for, if it holds at this second.
  func identity(_ claims: TokenClaims, secondsSinceEpoch now: Int64) throws(TokenFault) -> Identity {
    let expires = try checkTimes(claims, now: now)
    if let issuer, claims.issuer?.hasSameBytes(as: issuer) != true { throw .issuer }
    let isForUs = claims.audience.contains { named in audiences.contains { $0.hasSameBytes(as: named) } }
    guard isForUs || audiences.isEmpty && !claims.hasAudience else { throw .audience }
    guard let user = claims.user, Name.isUser(user) else { throw .claim("'\(known: userClaim)' names no user") }
    guard claims.groups.count <= Limit.groups, claims.groups.allSatisfy(Name.isGroup) else {
      throw .claim("'groups' are more than \(Limit.groups), or one is no name")
    }
    let principal = Principal(user: user, roleNamed: claims.role, groups: claims.groups)
    return Identity(
      principal: principal, scopes: claims.scopes, untilMilliseconds: (expires + leewaySeconds) * 1000)
  }

  /// When it expires. A token that never does could never be taken back.
  private func checkTimes(_ claims: TokenClaims, now: Int64) throws(TokenFault) -> Int64 {
    guard let expires = claims.expires else { throw .claim("'exp' is missing") }
    if now >= expires + leewaySeconds { throw .expired(secondsAgo: now - expires) }
    if let notBefore = claims.notBefore, notBefore > now + leewaySeconds { throw .notYet(seconds: notBefore - now) }
    if let issued = claims.issuedAt, issued > now + leewaySeconds { throw .fromTheFuture(seconds: issued - now) }
    return expires
  }
}

/// Whom a credential speaks for, and until when.
package struct Identity: Equatable, Sendable {
  package var principal: Principal
  package var scopes: [String]
  /// Milliseconds since the epoch; nil: without end.
  package var untilMilliseconds: Int64?
  /// The hashes of the keys that proved it: what they opened ends when they are revoked.
  package var keyHashes: [String]

  package init(
    principal: Principal, scopes: [String] = [], untilMilliseconds: Int64? = nil, keyHashes: [String] = []
  ) {
    self.principal = principal
    self.scopes = scopes
    self.untilMilliseconds = untilMilliseconds
    self.keyHashes = keyHashes
  }

  /// Whether both speak for one principal, byte for byte.
  func speaksForSame(as other: Identity) -> Bool {
    let (left, right) = (principal, other.principal)
    return left.role == right.role && left.groups.count == right.groups.count
      && zip(left.groups + [left.user ?? ""], right.groups + [right.user ?? ""]).allSatisfy { $0.hasSameBytes(as: $1) }
      && (left.user == nil) == (right.user == nil)
  }
}
