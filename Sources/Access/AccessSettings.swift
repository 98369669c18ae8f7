import Crypto
package import HTTPClient
package import Messaging
package import Telemetry

/// Who may connect, as the environment says it.
///
/// - `ACCESS`: `required` (the default), or `open`: everybody is whoever they say they are.
/// - `JWT_SECRET` (HS256), `JWT_PUBLIC_KEY` (PEM, RS256 or ES256), `JWT_JWKS_URL`: what signatures of tokens are
///   checked with.
/// - `JWT_ISSUER`, `JWT_AUDIENCE` (several with commas), `JWT_LEEWAY_SECONDS` (0 to 300, default 60), `JWT_USER_CLAIM`
///   (`sub`).
/// - `ANONYMOUS_ROLE`: who comes without a credential may come in with this role and as nobody in particular; not
///   admin.
/// - `ACCESS_ORIGINS` (several with commas): pages, beside those of the same host, that may use the `session` cookie.
/// - `ORIGIN_SECRET`: which proxy is believed where a client is (`TrustedProxy`).
/// - `MAX_CONNECTIONS_PER_USER`, `MAX_CONNECTIONS_PER_CLIENT`, and those of `AttemptLimit.Settings`.
package struct AccessSettings {
  package struct Tokens {
    package let rules: TokenRules
    package let keys: [TokenKey]
    package let keysURL: HTTPURL?
  }

  package let isOpen: Bool
  /// Nil: no token is taken, only keys.
  package let tokens: Tokens?
  package let cookieOrigins: [String]
  /// What who brings no credential may see; nil: nobody comes in without one.
  package let anonymousRole: Role?
  /// How many connections one user may have.
  package let connectionsPerUser: Int
  /// How many of these one `client_id` may have; 0: all of them.
  package let connectionsPerClient: Int
  package let attempts: AttemptLimit.Settings
  package let proxy: TrustedProxy

  package init(environment: Environment) throws(AccessSettingError) {
    isOpen = try Self.isOpen(environment: environment)
    tokens = try Self.tokens(environment: environment)
    cookieOrigins = try Self.origins(environment: environment)
    anonymousRole = try Self.anonymousRole(environment: environment)
    connectionsPerUser = try Self.connectionsPerUser(environment: environment)
    connectionsPerClient = try Self.connectionsPerClient(environment: environment)
    attempts = try AttemptLimit.Settings(environment: environment)
    proxy = try TrustedProxy(environment: environment)
    if isOpen, let name = Self.demands.first(where: { environment[$0] != nil }) {
      throw AccessSettingError(
        "\(name) is set, but ACCESS=open lets in everybody without asking; leave one of them out, for example ACCESS=required"
      )
    }
  }

  private static let sources = ["JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL"]
  /// Rules that keep tokens out. Without keys none comes in, so whoever set one of these forgot the keys.
  private static let restrictions = ["JWT_ISSUER", "JWT_AUDIENCE"]
  /// Rules that say how tokens are read. They keep nobody out and let nobody in, so without keys they mean nothing, and
  /// a deployment may hand over their defaults.
  private static let readings = ["JWT_LEEWAY_SECONDS", "JWT_USER_CLAIM"]
  /// What contradicts `ACCESS=open`.
  private static var demands: [String] { sources + restrictions + ["ACCESS_ORIGINS", "ANONYMOUS_ROLE"] }
  /// Every variable that says who may connect, and how often.
  package static var variables: [String] {
    ["ACCESS"] + demands + readings
      + [
        "CONNECT_LIMIT_COUNTS", "CONNECT_REFUSALS_PER_MINUTE", "MAX_CONNECTIONS_PER_CLIENT",
        "MAX_CONNECTIONS_PER_USER", "ORIGIN_SECRET",
      ]
  }

  private static func isOpen(environment: Environment) throws(AccessSettingError) -> Bool {
    switch environment["ACCESS"] {
    case nil, "required": false
    case "open": true
    case let keyword?:
      throw AccessSettingError("ACCESS=\(keyword) is neither open nor required; for example ACCESS=required")
    }
  }

  private static func anonymousRole(environment: Environment) throws(AccessSettingError) -> Role? {
    guard let keyword = environment["ANONYMOUS_ROLE"] else { return nil }
    guard let role = Role(rawValue: keyword), role != .admin else {
      throw AccessSettingError(
        "ANONYMOUS_ROLE=\(keyword) is none of analyst, approver and viewer; for example ANONYMOUS_ROLE=viewer")
    }
    return role
  }

  private static func tokens(environment: Environment) throws(AccessSettingError) -> Tokens? {
    let keys = try secret(environment: environment) + publicKeys(environment: environment)
    let url = try keysURL(environment: environment)
    let leewaySeconds = try leewaySeconds(environment: environment)
    guard !keys.isEmpty || url != nil else {
      if let name = restrictions.first(where: { environment[$0] != nil }) {
        throw AccessSettingError(
          "\(name) is set, but nothing that signatures of tokens are checked with; for example "
            + "JWT_JWKS_URL=https://login.example.com/.well-known/jwks.json")
      }
      return nil
    }
    let rules = TokenRules(
      issuer: environment["JWT_ISSUER"], audiences: list(environment["JWT_AUDIENCE"]),
      leewaySeconds: leewaySeconds, userClaim: environment["JWT_USER_CLAIM"] ?? "sub")
    if url != nil, rules.issuer == nil {
      throw AccessSettingError(
        "JWT_JWKS_URL is set without JWT_ISSUER: the keys there may sign for others too; for example "
          + "JWT_ISSUER=https://login.example.com/")
    }
    return Tokens(rules: rules, keys: keys, keysURL: url)
  }

  // MARK: Keys

  private static func secret(environment: Environment) throws(AccessSettingError) -> [TokenKey] {
    guard let text = environment["JWT_SECRET"] else { return [] }
    guard !text.hasBytePrefix("-----BEGIN") else {
      throw AccessSettingError("JWT_SECRET holds a PEM block, and a public key is no secret; set JWT_PUBLIC_KEY to it")
    }
    guard text.utf8.count >= 32 else {
      throw AccessSettingError(
        "JWT_SECRET has \(text.utf8.count) bytes and needs 32 at least; for example the output of 'openssl rand -hex 32'"
      )
    }
    return [TokenKey(material: .secret(Array(text.utf8)))]
  }

  private static func publicKeys(environment: Environment) throws(AccessSettingError) -> [TokenKey] {
    guard let text = environment["JWT_PUBLIC_KEY"] else { return [] }
    let example = "for example the output of 'openssl pkey -in private.pem -pubout'"
    guard let blocks = PEM.blocks(in: text), !blocks.isEmpty else {
      throw AccessSettingError("JWT_PUBLIC_KEY is no PEM text; \(example)")
    }
    var keys: [TokenKey] = []
    for block in blocks {
      guard block.label.hasSameBytes(as: "PUBLIC KEY") else {
        throw AccessSettingError("JWT_PUBLIC_KEY holds '\(block.label)', not 'PUBLIC KEY'; \(example)")
      }
      guard let key = PublicKey(subjectPublicKeyInfo: block.content) else {
        throw AccessSettingError(
          "JWT_PUBLIC_KEY is neither an RSA key of 2048 to 8192 bits nor one on the curve P-256; \(example)")
      }
      keys.append(TokenKey(material: .publicKey(key)))
    }
    return keys
  }

  private static func keysURL(environment: Environment) throws(AccessSettingError) -> HTTPURL? {
    guard let text = environment["JWT_JWKS_URL"] else { return nil }
    let example = "for example JWT_JWKS_URL=https://login.example.com/.well-known/jwks.json"
    guard let url = try? HTTPURL(text) else {
      throw AccessSettingError("JWT_JWKS_URL is no URL; \(example)")
    }
    guard url.isSecure || url.isLoopback else {
      throw AccessSettingError("JWT_JWKS_URL is not https, so anybody on the way could change the keys; \(example)")
    }
    return url
  }

  private static func connectionsPerUser(environment: Environment) throws(AccessSettingError) -> Int {
    guard let text = environment["MAX_CONNECTIONS_PER_USER"] else { return 10 }
    guard let number = Int(text), (1...100_000).contains(number) else {
      throw AccessSettingError(
        "MAX_CONNECTIONS_PER_USER=\(text) is no number from 1 to 100000; for example MAX_CONNECTIONS_PER_USER=10")
    }
    return number
  }

  private static func connectionsPerClient(environment: Environment) throws(AccessSettingError) -> Int {
    guard let text = environment["MAX_CONNECTIONS_PER_CLIENT"] else { return 0 }
    guard let number = Int(text), (0...100_000).contains(number) else {
      throw AccessSettingError(
        "MAX_CONNECTIONS_PER_CLIENT=\(text) is no number from 0 to 100000; for example MAX_CONNECTIONS_PER_CLIENT=2")
    }
    return number
  }

  private static func leewaySeconds(environment: Environment) throws(AccessSettingError) -> Int64 {
    guard let text = environment["JWT_LEEWAY_SECONDS"] else { return 60 }
    guard let seconds = Int64(text), (0...300).contains(seconds) else {
      throw AccessSettingError(
        "JWT_LEEWAY_SECONDS=\(text) is no number from 0 to 300; for example JWT_LEEWAY_SECONDS=60")
    }
    return seconds
  }

  private static func origins(environment: Environment) throws(AccessSettingError) -> [String] {
    let origins = list(environment["ACCESS_ORIGINS"])
    if let wrong = origins.first(where: { !PageOrigin.isOne($0) }) {
      throw AccessSettingError(
        "ACCESS_ORIGINS=\(wrong): a page's origin is \(PageOrigin.rule); for example ACCESS_ORIGINS=https://app.example.com"
      )
    }
    return origins
  }

  private static func list(_ text: String?) -> [String] {
    (text ?? "").utf8.split(separator: UInt8(ascii: ",")).compactMap { part in
      let trimmed = ASCII.trimmed(Array(part))
      return trimmed.isEmpty ? nil : String(decoding: trimmed, as: UTF8.self)
    }
  }
}

/// A variable has a value that it cannot have, or two contradict each other. Names it with an example; holds no secret.
package struct AccessSettingError: Error, Equatable, CustomStringConvertible, LogTextConvertible {
  package let description: String
  package var logText: LogText { LogText(known: description) }

  package init(_ description: String) { self.description = description }
}
