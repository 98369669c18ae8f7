package import ConnectionStore
package import Messaging
package import Telemetry

/// Who may come in.
///
///     var control = AccessControl(settings, keys: APIKeys(table), log: log)
///     switch try control.decide(presentation, claim) {
///     case .admitted(let identity): identity.principal, identity.untilMilliseconds
///     case .refused(let refusal): refusal.status, refusal.message   // and refusal.reason for the log only
///     }
package struct AccessControl {
  private let settings: AccessSettings
  private let keys: APIKeys
  private var tokens: TokenVerifier?

  /// `fetch` gets the keys at `JWT_JWKS_URL`.
  package init(
    settings: AccessSettings, keys: APIKeys, clock: Clock = .system, log: Log,
    fetch: @escaping RemoteKeys.Fetch = RemoteKeys.overNetwork
  ) {
    self.settings = settings
    self.keys = keys
    guard let tokens = settings.tokens else { return }
    let remote = tokens.keysURL.map { RemoteKeys(url: $0, clock: clock, log: log, fetch: fetch) }
    self.tokens = TokenVerifier(tokens.rules, keys: tokens.keys, remote: remote, clock: clock)
  }

  /// Everybody may come in as whoever they say they are.
  package var isOpen: Bool { settings.isOpen }

  /// `anonymousRole`: what who brings no credential may see here, where `ANONYMOUS_ROLE` says nothing.
  package mutating func decide(
    _ presented: PresentedCredentials, requested: RequestedIdentity, anonymousRole: Role? = nil
  ) throws(TableError) -> AccessDecision {
    if isOpen { return .admitted(Identity(principal: requested.principalOfOpenDoor)) }
    let credentials = Credential.all(in: presented)
    guard !credentials.isEmpty else {
      guard let role = settings.anonymousRole ?? anonymousRole, requested.isOfNobody(role) else {
        return .refused(.unproven("no credential"))
      }
      return .admitted(Identity(principal: Principal(user: nil, role: role)))
    }
    guard credentials.count <= Credential.maximumCount else { return .refused(.unproven("too many credentials")) }
    var identities: [Identity] = []
    for credential in credentials {
      switch try identity(credential, presented: presented) {
      case .admitted(let identity): identities.append(identity)
      case .refused(let refusal): return .refused(refusal)
      }
    }
    guard var identity = identities.first, identities.allSatisfy({ $0.speaksForSame(as: identity) }) else {
      return .refused(.unproven("credentials of different principals"))
    }
    identity.untilMilliseconds = identities.compactMap(\.untilMilliseconds).min()
    identity.keyHashes = identities.flatMap(\.keyHashes)
    return requested.applied(to: identity)
  }

  private mutating func identity(
    _ credential: Credential, presented: PresentedCredentials
  ) throws(TableError) -> AccessDecision {
    if credential.isAmbient, let origin = settings.foreignOrigin(of: presented) {
      return .refused(.forbidden("a session cookie from a page of \(origin.prefix(128))"))
    }
    switch credential.form {
    case .key(let key):
      guard let stored = try keys.find(key) else {
        return .refused(.unproven("\(known: credential.location): no such key"))
      }
      return .admitted(
        Identity(
          principal: stored.grant.principal, untilMilliseconds: stored.grant.expires.map { $0 * 1000 },
          keyHashes: [stored.hash]))
    case .token(let text, let algorithms): return verify(text, algorithms: algorithms, from: credential.location)
    case .malformed: return .refused(.unproven("\(known: credential.location): not a key"))
    }
  }

  private mutating func verify(_ text: String, algorithms: [TokenAlgorithm], from location: String) -> AccessDecision {
    guard let outcome = tokens?.verify(text, algorithms: algorithms) else {
      return .refused(.unproven("\(known: location): a token, but no key for tokens is configured"))
    }
    switch outcome {
    case .identity(let identity): return .admitted(identity)
    case .refused(let fault): return .refused(.unproven("\(known: location): \(fault.reason)"))
    case .keysUnavailable(let reason):
      return .refused(.unavailable("\(known: location): the keys of tokens: \(reason)"))
    }
  }
}

package enum AccessDecision: Equatable, Sendable {
  case admitted(Identity)
  case refused(AccessRefusal)
}
