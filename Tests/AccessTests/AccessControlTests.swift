import ConnectionStore
import Crypto
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Who comes in")
struct AccessControlTests {
  private let clock = SettableClock()
  private let table = MemoryTable(clock: SettableClock().clock)
  private let fixture = TokenFixture.shared

  private var keys: APIKeys { APIKeys(table: table, clock: clock.clock) }

  private func decide(
    query: [(String, String)] = [], headers: [(String, String)] = [],
    requested: RequestedIdentity = RequestedIdentity(),
    _ environment: [String: String] = [:]
  ) throws -> AccessDecision {
    var variables = [
      "JWT_SECRET": fixture.secret, "JWT_PUBLIC_KEY": fixture.keys["rsa"]!, "JWT_ISSUER": fixture.issuer,
      "JWT_AUDIENCE": fixture.audience,
    ]
    variables.merge(environment) { $1 }
    var control = AccessControl(
      settings: try AccessSettings(environment: Environment(variables)), keys: keys, clock: clock.clock,
      log: Log(minimum: .fatal))
    return try control.decide(
      PresentedCredentials(query: query.map { (name: $0, value: $1) }, headers: headers.map { (name: $0, value: $1) }),
      requested: requested)
  }

  private func status(_ decision: AccessDecision) -> Int {
    switch decision {
    case .admitted: 200
    case .refused(let refusal): refusal.status
    }
  }

  @Test("without a credential nobody comes in, but as nobody in particular where a role is given for that")
  func anonymous() throws {
    #expect(status(try decide()) == 401)
    let open = ["ANONYMOUS_ROLE": "viewer"]
    #expect(try decide(open) == .admitted(Identity(principal: Principal(user: nil, role: .viewer))))
    #expect(status(try decide(requested: RequestedIdentity(role: "viewer"), open)) == 200)
    for requested in [
      RequestedIdentity(user: "u-1"), RequestedIdentity(role: "admin"), RequestedIdentity(groups: ["desk"]),
    ] {
      #expect(status(try decide(requested: requested, open)) == 401)
    }
    #expect(status(try decide(query: [("apiKey", "tt_wrong")], open)) == 401)
    for word in ["admin", "anybody"] {
      #expect(throws: AccessSettingError.self) {
        _ = try AccessSettings(environment: Environment(["ANONYMOUS_ROLE": word]))
      }
    }
  }

  private func token(_ name: String = "HS256") -> String { fixture.good.first { $0.name == name }!.token }

  /// Signed with the shared secret.
  private func token(user: String, role: String? = nil, groups: [String] = []) -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("sub", user)
      writer.member("role", ifPresent: role)
      writer.member("iss", fixture.issuer)
      writer.member("aud", fixture.audience)
      writer.member("exp", clock.seconds + 100)
      writer.key("groups")
      writer.array { writer in for group in groups { writer.string(group) } }
    }
    let signed = "\(Base64URL.encode(bytes(#"{"alg":"HS256"}"#))).\(Base64URL.encode(writer.bytes))"
    return "\(signed).\(Base64URL.encode(HMACSHA256(key: bytes(fixture.secret)).code(of: bytes(signed)).bytes))"
  }

  private func key(user: String = "u-1", role: Role = .analyst, groups: [String] = []) throws -> String {
    try keys.create(KeyGrant(principal: Principal(user: user, role: role, groups: groups))).key.text
  }

  // MARK: Places

  @Test("a token is taken from every place where one may stand")
  func tokenPlaces() throws {
    for name in ["HS256", "RS256 by kid"] {
      let token = token(name)
      #expect(try status(decide(query: [("auth", token)])) == 200)
      #expect(try status(decide(query: [("token", token)])) == 200)
      #expect(try status(decide(headers: [("authorization", "bearer  \(token)")])) == 200)
      #expect(try status(decide(headers: [("Authorization", "Bearer \(token)")])) == 200)
      #expect(try status(decide(headers: [("Sec-WebSocket-Protocol", "bearer, \(token)")])) == 200)
      #expect(try status(decide(headers: [("sec-websocket-protocol", "v1,bearer,\(token)")])) == 200)
    }
    #expect(try status(decide(headers: [("Cookie", "a=b; session=\(token()); c=d")])) == 200)
  }

  @Test("a key is taken from every place where one may stand")
  func keyPlaces() throws {
    let key = try key()
    #expect(try status(decide(query: [("apiKey", key)])) == 200)
    #expect(try status(decide(headers: [("X-Api-Key", key)])) == 200)
    #expect(try status(decide(query: [("token", key)])) == 200)
    #expect(try status(decide(headers: [("Authorization", "Bearer \(key)")])) == 200)
    #expect(try status(decide(headers: [("cookie", "session=\(key)")])) == 200)
  }

  @Test("a token is no key, and a session cookie holds no token but the site's own")
  func wrongPlaces() throws {
    #expect(try status(decide(query: [("apiKey", token())])) == 401)
    #expect(try status(decide(headers: [("x-api-key", token())])) == 401)
    #expect(try status(decide(headers: [("Cookie", "session=\(token("RS256 by kid"))")])) == 401)
  }

  @Test("places where none stands give none")
  func noCredential() throws {
    let token = token()
    for (query, headers) in [
      ([("Token", token)], []), ([("apikey", token)], []), ([("token", "")], []), ([], [("Authorization", token)]),
      ([], [("Authorization", "Basic \(token)")]), ([], [("Authorization", "Bearer")]),
      ([], [("Authorization", "Bearer ")]),
      ([], [("Sec-WebSocket-Protocol", token)]), ([], [("Sec-WebSocket-Protocol", "Bearer, \(token)")]),
      ([], [("Sec-WebSocket-Protocol", "\(token), bearer")]), ([], [("Cookie", "Session=\(token)")]),
      ([], [("Cookie", "xsession=\(token)")]), ([], [("Cookie", "session")]),
      ([], [("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-west-1/execute-api/aws4_request")]),
    ] as [([(String, String)], [(String, String)])] {
      #expect(try decide(query: query, headers: headers) == .refused(.unproven("no credential")))
    }
  }

  @Test("cookies that are no cookies are refused", arguments: ["\"x\"", "a b", "a\\b", "a,b", "é", ""])
  func badCookies(value: String) throws {
    #expect(try status(decide(headers: [("Cookie", "session=\(value)")])) == 401)
    #expect(try status(decide(headers: [("Cookie", "session=\(value); session=\(token())")])) == 401)
  }

  @Test("a cookie counts for pages of the same host and of the origins that are set, for no others")
  func origins() throws {
    let cookie = ("Cookie", "session=\(token())")
    let host = ("Host", "live.example.com")
    #expect(try status(decide(headers: [cookie, host, ("Origin", "https://live.example.com")])) == 200)
    for origin in ["https://evil.example", "null", "https://live.example.com.evil.example", "https://example.com"] {
      #expect(try status(decide(headers: [cookie, host, ("Origin", origin)])) == 403)
    }
    let settings = ["ACCESS_ORIGINS": "https://app.example.com,https://b.example.com"]
    #expect(try status(decide(headers: [cookie, host, ("origin", "https://app.example.com")], settings)) == 200)
    // A token that a page gives itself is the page's own to give.
    #expect(
      try status(decide(query: [("token", token())], headers: [host, ("Origin", "https://evil.example")])) == 200)
  }

  @Test("a page of the same host that came without TLS counts only for a handshake without TLS")
  func originsWithoutTLS() throws {
    let fields = [
      ("Cookie", "session=\(token())"), ("Host", "live.example.com"), ("Origin", "http://live.example.com"),
    ]
    #expect(try status(decide(headers: fields + [("X-Forwarded-Proto", "http")])) == 200)
    #expect(try status(decide(headers: fields + [("X-Forwarded-Proto", "https")])) == 403)
    let both = [("X-Forwarded-Proto", "http"), ("x-forwarded-proto", "https")]
    #expect(try status(decide(headers: fields + both)) == 403)
    #expect(try status(decide(headers: fields)) == 403)
  }

  @Test("the subprotocol of the answer is the first that is a name and no credential, whatever fields it came in")
  func subprotocol() throws {
    let (token, key) = (token(), try key())
    for (fields, expected) in [
      (["events.v1"], "events.v1"), (["bearer, \(token)"], "bearer"), (["v2", "v1"], "v2"),
      // What API Gateway shows of two fields: the last one alone, then both.
      ([token, "bearer", token], "bearer"), (["bearer", token], "bearer"), (["\(token), bearer, \(token)"], "bearer"),
      ([token], nil), (["\(key),bearer"], "bearer"), (["bearer,short"], "bearer"), (["short,bearer,short"], "bearer"),
      (["a b,\"x\",<y>,é,a\tb"], nil), ([" , ,v1"], "v1"), ([], nil), ([String(repeating: "v", count: 65)], nil),
    ] as [([String], String?)] {
      let presented = PresentedCredentials(headers: fields.map { (name: "sec-websocket-protocol", value: $0) })
      #expect(presented.subprotocol == expected, "\(fields)")
    }
    let besides = PresentedCredentials(
      query: [(name: "token", value: "abc")], headers: [(name: "Sec-WebSocket-Protocol", value: "abc, v1")])
    #expect(besides.subprotocol == "v1")
  }

  // MARK: Several

  @Test("the same credential twice is one; others must speak for the same principal")
  func several() throws {
    let token = self.token()
    let same = self.token(user: "u-1", role: "analyst", groups: ["desk-7", "fx"])
    #expect(
      try status(decide(query: [("token", token), ("auth", token)], headers: [("Authorization", "Bearer \(token)")]))
        == 200)
    #expect(try status(decide(query: [("token", token), ("auth", same)])) == 200)
    for other in [
      self.token(user: "u-2", role: "analyst", groups: ["desk-7", "fx"]),
      self.token(user: "u-1", role: "viewer", groups: ["desk-7", "fx"]), self.token(user: "u-1", role: "analyst"),
      "junk",
      try key(),
    ] {
      #expect(try status(decide(query: [("token", token), ("auth", other)])) == 401)
      #expect(try status(decide(query: [("token", token), ("token", other)])) == 401)
      #expect(try status(decide(query: [("token", other)], headers: [("Cookie", "session=\(token)")])) == 401)
    }
  }

  @Test("of two that agree the one that ends first decides the end")
  func earliestEnd() throws {
    let short = token(user: "u-1", role: "analyst", groups: ["desk-7", "fx"])
    guard case .admitted(let identity) = try decide(query: [("token", token()), ("auth", short)]) else {
      Issue.record("refused")
      return
    }
    #expect(identity.untilMilliseconds == (clock.seconds + 160) * 1000)
  }

  @Test("a handshake full of credentials costs no reads")
  func flood() throws {
    let query = (0..<9).map { _ in ("apiKey", APIKey(.system).text) }
    #expect(try decide(query: query) == .refused(.unproven("too many credentials")))
  }

  // MARK: Claims

  @Test("what the query says must be true, unless an admin says it")
  func claims() throws {
    let own = [("token", token(user: "u-1", role: "analyst", groups: ["desk"]))]
    for requested in [
      RequestedIdentity(), RequestedIdentity(user: "u-1"), RequestedIdentity(role: "analyst"),
      RequestedIdentity(groups: ["desk"]),
    ] {
      #expect(try status(decide(query: own, requested: requested)) == 200)
    }
    for requested in [
      RequestedIdentity(user: "u-2"), RequestedIdentity(user: ""), RequestedIdentity(user: "U-1"),
      RequestedIdentity(role: "admin"), RequestedIdentity(role: "viewer"),
      RequestedIdentity(groups: ["desk", "other"]),
    ] {
      #expect(try status(decide(query: own, requested: requested)) == 403)
    }
    let admin = [("token", token(user: "root", role: "admin"))]
    guard
      case .admitted(let identity) = try decide(
        query: admin, requested: RequestedIdentity(user: "u-2", role: "viewer", groups: ["g"]))
    else {
      Issue.record("refused")
      return
    }
    #expect(identity.principal == Principal(user: "u-2", role: .viewer, groups: ["g"]))
  }

  @Test("a user that only looks the same is another one")
  func lookAlike() throws {
    let composed = [("token", token(user: "caf\u{E9}", role: "viewer"))]
    #expect(try status(decide(query: composed, requested: RequestedIdentity(user: "cafe\u{301}"))) == 403)
    let other = ("auth", token(user: "cafe\u{301}", role: "viewer"))
    #expect(try status(decide(query: composed + [other])) == 401)
  }

  @Test("an unknown role is none, whatever the query says")
  func unknownRole() throws {
    guard case .admitted(let identity) = try decide(query: [("token", token(user: "u-1", role: "superuser"))]) else {
      Issue.record("refused")
      return
    }
    #expect(identity.principal.role == nil)
    #expect(
      try status(
        decide(query: [("token", token(user: "u-1", role: "superuser"))], requested: RequestedIdentity(role: "admin")))
        == 403)
    #expect(
      try status(decide(query: [("token", token(user: "u-1"))], requested: RequestedIdentity(role: "viewer"))) == 403)
  }

  @Test("no refusal of a credential tells the client which part was wrong")
  func sameMessage() throws {
    var messages: Set<String> = []
    for token in fixture.bad where !token.token.isEmpty {
      guard case .refused(let refusal) = try decide(query: [("token", token.token)]) else { continue }
      messages.insert("\(refusal.status) \(refusal.message)")
      #expect(token.token.utf8.count < 100 || !refusal.reason.description.contains(token.token))
    }
    #expect(messages == ["401 a valid API key or token is required"])
  }

  @Test("a table that fails is an error, not a refusal")
  func failingTable() throws {
    let failing = APIKeys(table: FailingTable(table, failing: 1), clock: clock.clock)
    var control = AccessControl(
      settings: try AccessSettings(environment: Environment([:])), keys: failing, clock: clock.clock,
      log: Log(minimum: .fatal))
    let presented = PresentedCredentials(query: [(name: "apiKey", value: try key())])
    #expect(throws: TableError.self) { try control.decide(presented, requested: RequestedIdentity()) }
  }
}
