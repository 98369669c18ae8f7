package import Telemetry

/// Says which user a token speaks for, or why for no one.
package struct TokenVerifier {
  package enum Outcome {
    case identity(Identity)
    case refused(TokenFault)
    /// The keys could not be fetched, so nothing can be said of the token.
    case keysUnavailable(LogText)
  }

  private let rules: TokenRules
  private let keys: [TokenKey]
  private var remote: RemoteKeys?
  private let clock: Clock

  package init(_ rules: TokenRules, keys: [TokenKey], remote: RemoteKeys? = nil, clock: Clock = .system) {
    self.rules = rules
    self.keys = keys
    self.remote = remote
    self.clock = clock
  }

  /// `algorithms`: those that the place the token came from allows.
  package mutating func verify(
    _ text: String, algorithms: [TokenAlgorithm] = TokenAlgorithm.allCases
  ) -> Outcome {
    do throws(TokenFault) {
      let token = try CompactToken(text)
      guard algorithms.contains(token.algorithm) else { throw .algorithm(token.algorithm.rawValue) }
      switch try check(token) {
      case .good: break
      case .keysUnavailable(let reason): return .keysUnavailable(reason)
      }
      let claims = try TokenClaims(token.claims, userClaim: rules.userClaim)
      return .identity(try rules.identity(claims, secondsSinceEpoch: clock.seconds))
    } catch {
      return .refused(error)
    }
  }

  private enum Check {
    case good
    case keysUnavailable(LogText)
  }

  private mutating func check(_ token: CompactToken) throws(TokenFault) -> Check {
    let fitting = keys.filter { $0.mayFit(token) }
    if fitting.contains(where: { $0.verifies(token) }) { return .good }
    guard token.algorithm != .hs256, remote != nil else {
      if fitting.isEmpty {
        throw keys.contains { $0.algorithm == token.algorithm } ? .unknownKey : .algorithm(token.algorithm.rawValue)
      }
      throw .signature
    }
    return try checkRemote(token, hasFitting: !fitting.isEmpty)
  }

  private mutating func checkRemote(_ token: CompactToken, hasFitting: Bool) throws(TokenFault) -> Check {
    guard let found = remote?.keys(for: token) else { throw .unknownKey }
    if let reason = found.unavailable { return .keysUnavailable(reason) }
    if found.keys.contains(where: { $0.verifies(token) }) { return .good }
    throw found.keys.isEmpty && !hasFitting ? .unknownKey : .signature
  }
}
