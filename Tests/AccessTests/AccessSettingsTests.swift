import ConnectionStore
import HTTPClient
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Who may connect, as the environment says it")
struct AccessSettingsTests {
  private let fixture = TokenFixture.shared

  private func settings(_ variables: [String: String]) throws(AccessSettingError) -> AccessSettings {
    try AccessSettings(environment: Environment(variables))
  }

  @Test("without a word everybody needs a key, and no token is taken")
  func standard() throws {
    let settings = try settings([:])
    #expect(!settings.isOpen && settings.tokens == nil && settings.cookieOrigins == [])
    #expect(try !self.settings(["ACCESS": "required"]).isOpen)
    #expect(try self.settings(["ACCESS": "open"]).isOpen)
  }

  @Test("all kinds of keys go together")
  func kinds() throws {
    let tokens = try #require(
      try settings([
        "JWT_SECRET": fixture.secret, "JWT_PUBLIC_KEY": fixture.keys["ec"]! + "\n" + fixture.keys["rsa"]!,
        "JWT_JWKS_URL": "https://login.example.com/jwks", "JWT_ISSUER": "i", "JWT_AUDIENCE": "a, b,",
      ]).tokens)
    #expect(tokens.keys.map(\.algorithm) == [.hs256, .es256, .rs256])
    #expect(tokens.keysURL?.host == "login.example.com")
    #expect(tokens.rules == TokenRules(issuer: "i", audiences: ["a", "b"], leewaySeconds: 60, userClaim: "sub"))
  }

  @Test("a public key whose line ends were lost on the way is the same key")
  func lineEnds() throws {
    let pem = fixture.keys["rsa"]!
    for form in [
      pem, pem.replacing("\n", with: "\\n"), pem.replacing("\n", with: " "), pem.replacing("\n", with: "\r\n"),
    ] {
      #expect(try settings(["JWT_PUBLIC_KEY": form]).tokens?.keys.count == 1)
    }
  }

  @Test("keys from this machine may come over http")
  func loopback() throws {
    for url in ["http://127.0.0.1:8080/jwks", "http://localhost/jwks", "http://[::1]:1/"] {
      #expect(try settings(["JWT_JWKS_URL": url, "JWT_ISSUER": "i"]).tokens?.keysURL != nil)
    }
  }

  struct Wrong: CustomTestStringConvertible, Sendable {
    let variables: [String: String]
    let mentions: [String]
    var testDescription: String { mentions.joined(separator: " ") }

    init(_ variables: [String: String], _ mentions: String...) {
      (self.variables, self.mentions) = (variables, mentions)
    }
  }

  static let wrong: [Wrong] = {
    let keys = TokenFixture.shared.keys
    let secret = TokenFixture.shared.secret
    return [
      Wrong(["ACCESS": "yes"], "ACCESS=yes", "for example ACCESS=required"),
      Wrong(["ACCESS": "open", "JWT_SECRET": secret], "JWT_SECRET", "ACCESS=open"),
      Wrong(["ACCESS": "open", "JWT_ISSUER": "i"], "JWT_ISSUER", "JWT_JWKS_URL=https://"),
      Wrong(["ACCESS_ORIGINS": "https://a, b.example.com"], "ACCESS_ORIGINS=b.example.com", "scheme://host"),
      Wrong(["ACCESS": "open", "ACCESS_ORIGINS": "https://a"], "ACCESS_ORIGINS", "ACCESS=open"),
      Wrong(["JWT_SECRET": String(repeating: "x", count: 31)], "31 bytes", "32", "openssl rand -hex 32"),
      Wrong(["JWT_SECRET": keys["rsa"]!], "JWT_SECRET", "JWT_PUBLIC_KEY"),
      Wrong(["JWT_PUBLIC_KEY": "x"], "JWT_PUBLIC_KEY", "openssl pkey"),
      Wrong(["JWT_PUBLIC_KEY": keys["rsa"]!.replacing("PUBLIC", with: "PRIVATE")], "'PRIVATE KEY'", "openssl pkey"),
      Wrong(["JWT_PUBLIC_KEY": keys["small"]!], "JWT_PUBLIC_KEY", "2048"),
      Wrong(["JWT_PUBLIC_KEY": keys["pss"]!], "JWT_PUBLIC_KEY", "2048"),
      Wrong(["JWT_PUBLIC_KEY": keys["p384"]!], "JWT_PUBLIC_KEY", "P-256"),
      Wrong(["JWT_PUBLIC_KEY": keys["ed"]!], "JWT_PUBLIC_KEY", "P-256"),
      Wrong(["JWT_PUBLIC_KEY": String(keys["rsa"]!.dropLast(40))], "JWT_PUBLIC_KEY"),
      Wrong(["JWT_JWKS_URL": "login", "JWT_ISSUER": "i"], "JWT_JWKS_URL", "no URL", "https://"),
      Wrong(["JWT_JWKS_URL": "http://login.example.com/", "JWT_ISSUER": "i"], "JWT_JWKS_URL", "not https"),
      Wrong(["JWT_JWKS_URL": "https://login.example.com/"], "JWT_ISSUER", "for example JWT_ISSUER=https://"),
      Wrong(["JWT_ISSUER": "i"], "JWT_ISSUER", "for example JWT_JWKS_URL=https://"),
      Wrong(["JWT_AUDIENCE": "a"], "JWT_AUDIENCE"), Wrong(["JWT_LEEWAY_SECONDS": "301"], "JWT_LEEWAY_SECONDS=301"),
      Wrong(["MAX_CONNECTIONS_PER_USER": "0"], "for example MAX_CONNECTIONS_PER_USER=10"),
      Wrong(["CONNECT_LIMIT_COUNTS": "some"], "for example CONNECT_LIMIT_COUNTS=refused"),
      Wrong(["CONNECT_REFUSALS_PER_MINUTE": "0"], "for example CONNECT_REFUSALS_PER_MINUTE=5"),
      Wrong(["CONNECT_REFUSALS_PER_MINUTE": "many"], "CONNECT_REFUSALS_PER_MINUTE=many"),
      Wrong(["JWT_SECRET": secret, "JWT_LEEWAY_SECONDS": "301"], "JWT_LEEWAY_SECONDS=301", "0 to 300"),
      Wrong(["JWT_SECRET": secret, "JWT_LEEWAY_SECONDS": "-1"], "JWT_LEEWAY_SECONDS=-1"),
    ]
  }()

  @Test("what is missing or contradictory is named with an example, and no secret is reported", arguments: wrong)
  func refused(wrong: Wrong) {
    let error = #expect(throws: AccessSettingError.self) { try settings(wrong.variables) }
    for mention in wrong.mentions {
      #expect(error?.description.contains(mention) == true, "\(String(describing: error))")
    }
    #expect(error?.description.contains(fixture.secret) == false)
  }

  @Test("how tokens are read means nothing where none is taken, so a deployment may hand over the defaults")
  func defaults() throws {
    let defaults = ["JWT_LEEWAY_SECONDS": "60", "JWT_USER_CLAIM": "sub", "JWT_ISSUER": "", "JWT_AUDIENCE": ""]
    #expect(try settings(defaults).tokens == nil)
    #expect(try settings(defaults.merging(["ACCESS": "open"]) { $1 }).isOpen)
  }

  @Test(
    "an address stands for its network",
    arguments: [
      ("192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"), ("2001:DB8:1:2::", "2001:db8:1:2::"),
      ("2001:db8::1", "2001:db8:0:0::"), ("::1", "0:0:0:0::"), ("::", "0:0:0:0::"), ("::ffff:192.0.2.1", "192.0.2.1"),
      ("2001:db8:1:2:3:4:5", "other"), ("1:2:3:4:5:6:7:8:9", "other"), ("12345::", "other"), ("", "other"),
      ("a#b", "other"), (String(repeating: "1", count: 46), "other"), (":::", "other"),
    ])
  func networks(address: String, network: String) {
    #expect(AttemptLimit.group(of: address) == network)
  }
}
