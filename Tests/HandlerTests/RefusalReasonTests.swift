import Access
import Connections
import Crypto
import Foundation
import JSON
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import ConnectHandler
@testable import HTTPClient

/// A handshake that is refused: what it brings, and the reason that the operator reads.
struct RefusedHandshake: Sendable, CustomTestStringConvertible {
  var reason: String
  var query: [(String, String)] = []
  var headers: [(String, String)] = []
  var settings: [String: String] = [:]
  /// What the server of the keys of tokens answers; nil: it cannot be reached.
  var keySet: (status: Int, body: String)?
  var testDescription: String { reason }
}

@Suite("What the operator reads of a refused handshake")
struct RefusalReasonTests {
  static let secret = "0123456789abcdef0123456789abcdef-s3cret"
  private static let issuer = "https://login.example.com/"
  private static let base = ["ACCESS": "required", "JWT_SECRET": secret, "JWT_ISSUER": issuer, "JWT_AUDIENCE": "us"]
  private static let remote = [
    "ACCESS": "required", "JWT_JWKS_URL": "https://auth:8443/keys?password=hunter2", "JWT_ISSUER": issuer,
  ]
  static let now = SettableClock().clock.seconds

  /// A token whose signature is good, unless another secret made it.
  private static func token(
    header: String = #"{"alg":"HS256"}"#, _ claims: String, secret: String = secret
  ) -> String {
    let signed = "\(Base64URL.encode(bytes(header))).\(Base64URL.encode(bytes(claims)))"
    return "\(signed).\(Base64URL.encode(HMACSHA256(key: bytes(secret)).code(of: bytes(signed)).bytes))"
  }

  private static func claims(
    _ members: String = "", exp: Int64 = 100, iss: String = issuer, aud: String = "us"
  ) -> String {
    #"{"sub":"u-1","iss":"\#(iss)","aud":"\#(aud)","exp":\#(now + exp)\#(members)}"#
  }

  private static let wrongKey = "tt_" + String(repeating: "A", count: 43)

  /// Every place where a credential may stand, by the name that the log gives it.
  private static func places(_ text: String) -> [(name: String, query: [(String, String)], headers: [(String, String)])]
  {
    [
      ("apiKey", [("apiKey", text)], []), ("x-api-key", [], [("X-Api-Key", text)]), ("auth", [("auth", text)], []),
      ("token", [("token", text)], []), ("authorization", [], [("Authorization", "Bearer \(text)")]),
      ("subprotocol", [], [("Sec-WebSocket-Protocol", "bearer, \(text)")]),
      ("cookie", [], [("Cookie", "a=b; session=\(text)")]),
    ]
  }

  private static var ofPlaces: [RefusedHandshake] {
    let expired = token(claims(exp: -61))
    return places(wrongKey).map { .init(reason: "\($0.name): no such key", query: $0.query, headers: $0.headers) }
      + places("tt_short").map { .init(reason: "\($0.name): not a key", query: $0.query, headers: $0.headers) }
      + places("hunter2").map { place in
        let isForKeys = place.name == "apiKey" || place.name == "x-api-key"
        return .init(
          reason: "\(place.name): \(isForKeys ? "not a key" : "no token: 1 parts, not 3")", query: place.query,
          headers: place.headers)
      }
      + places(expired).dropFirst(2).map {
        .init(reason: "\($0.name): the token expired 61 s ago", query: $0.query, headers: $0.headers)
      }
  }

  private static func bad(_ reason: String, _ token: String) -> RefusedHandshake {
    .init(reason: "auth: \(reason)", query: [("auth", token)])
  }

  private static var ofTokens: [RefusedHandshake] {
    [
      bad("a token of 9000 bytes; at most 8192 are read", String(repeating: "t", count: 9_000)),
      bad("no token: not base64url", "a.b!.c"),
      bad("no token: no 'alg'", token(header: "{}", claims())),
      bad("no token: its header: the JSON text ends too early at byte 1", token(header: "{", claims())),
      bad(
        "no token: a member of its header is there twice", token(header: #"{"alg":"HS256","alg":"HS256"}"#, claims())),
      bad("no key for the token's algorithm 'none'", token(header: #"{"alg":"none"}"#, claims())),
      bad("no key for the token's algorithm '[email]'", token(header: #"{"alg":"joe@example.org"}"#, claims())),
      bad("no key for the token's algorithm 'RS256'", token(header: #"{"alg":"RS256"}"#, claims())),
      bad("the token asks for extensions ('crit')", token(header: #"{"alg":"HS256","crit":[]}"#, claims())),
      bad("the token's signature is wrong", token(claims(), secret: "another")),
      bad("the token's claims: a member is there twice", token(claims(#","exp":1"#))),
      bad("the token's claims: expected a string, found a number at byte 7", token(#"{"sub":1}"#)),
      bad("the token's claims: 'exp' is missing", token(#"{"sub":"u-1"}"#)),
      bad("the token's claims: 'sub' names no user", token(#"{"iss":"\#(issuer)","aud":"us","exp":\#(now + 9)}"#)),
      bad("the token's claims: 'groups' are more than 32, or one is no name", token(claims(#","groups":[""]"#))),
      bad("the token holds only in 100 s", token(claims(#","nbf":\#(now + 100)"#))),
      bad("the token was issued 100 s in the future", token(claims(#","iat":\#(now + 100)"#))),
      bad("the token is for somebody else ('aud')", token(claims(aud: "them"))),
      bad("the token is by somebody else ('iss')", token(claims(iss: "https://evil.example/"))),
    ]
  }

  private static var ofKeySets: [RefusedHandshake] {
    let signed = token(header: #"{"alg":"RS256","kid":"1"}"#, claims())
    func remote(_ reason: String, _ keySet: (Int, String)?) -> RefusedHandshake {
      .init(
        reason: "authorization: \(reason)", headers: [("Authorization", "Bearer \(signed)")], settings: Self.remote,
        keySet: keySet)
    }
    let other = #"{"keys":[{"kty":"EC","kid":"2","crv":"P-256","x":"\#(x)","y":"\#(y)"}]}"#
    return [
      remote("the keys of tokens: GET https://auth:8443: Could not resolve host: auth (libcurl 6)", nil),
      remote("the keys of tokens: status 404", (404, "password=hunter2")),
      remote("the keys of tokens: no set of keys: the JSON text ends too early at byte 1", (200, "{")),
      remote("the keys of tokens: no key for RS256 or ES256 in it", (200, #"{"keys":[]}"#)),
      remote("the token's key ('kid') is not known", (200, other)),
    ]
  }

  /// The point that P-256 begins with (SEC 2, section 2.4.2).
  private static let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"
  private static let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"

  private static var others: [RefusedHandshake] {
    let good = token(claims())
    return [
      .init(reason: "no credential"),
      .init(reason: "too many credentials", query: (0...8).map { ("auth", "hunter2-\($0)") }),
      .init(
        reason: "credentials of different principals",
        query: [("auth", good), ("token", token(claims().replacing("u-1", with: "u-2")))]),
      .init(
        reason: "a session cookie from a page of https://evil.example",
        headers: [("Cookie", "session=\(good)"), ("Origin", "https://evil.example")]),
      .init(
        reason: "a session cookie from a page of https://[email]",
        headers: [("Cookie", "session=\(good)"), ("Origin", "https://joe:hunter2@evil.example")]),
      .init(
        reason: "auth: a token, but no key for tokens is configured", query: [("auth", good)],
        settings: ["ACCESS": "required"]),
      .init(reason: "userId is not the principal's own", query: [("auth", good), ("userId", "u-2")]),
      .init(reason: "role is not the principal's own", query: [("auth", good), ("role", "admin")]),
      .init(reason: "groups are not the principal's own", query: [("auth", good), ("groups", "desk")]),
      .init(
        reason: "dialect must be one of \(EventTypeTable.standard.dialectNames.joined(separator: ", "))",
        query: [("dialect", "password=hunter2")]),
      .init(
        reason: "'[key]' cannot be subscribed to: a type is 1 to \(Limit.typeBytes) bytes without control characters "
          + "and '*' (but at its end)", query: [("auth", good), ("eventTypes", "\(wrongKey)*x")]),
    ]
  }

  static var all: [RefusedHandshake] { ofPlaces + ofTokens + ofKeySets + others }

  private static func lines(of handshake: RefusedHandshake) throws -> [String] {
    let stage = Stage()
    stage.fetch = { request throws(HTTPClientError) in
      guard let keySet = handshake.keySet else {
        throw HTTPClientError(
          .nameNotResolved, code: 6, tried: "GET", host: request.url.origin, message: "Could not resolve host: auth")
      }
      return HTTPResponse(status: keySet.status, headers: [], body: bytes(keySet.body))
    }
    _ = try stage.connect(
      handshake.query, headers: handshake.headers, access: handshake.settings.isEmpty ? base : handshake.settings)
    return stage.lines.all
  }

  @Test("a refusal stands in the log with its reason whole, and no line holds what was presented", arguments: all)
  func reasons(handshake: RefusedHandshake) throws {
    let lines = try Self.lines(of: handshake)
    let refusal = try #require(lines.last)
    var writer = JSONWriter()
    writer.string(handshake.reason)
    #expect(
      refusal.hasSuffix(#","reason":\#(text(writer.bytes))}"# + "\n")
        && refusal.contains(#""message":"connection refused""#),
      "\(refusal)")
    let presented = handshake.query.map(\.1) + handshake.headers.map(\.1)
    for line in lines {
      for piece in presented.flatMap({ $0.split { " ;,=".contains($0) } }) where piece.utf8.count > 40 {
        #expect(!line.contains(piece))
      }
      for credential in ["hunter2", "tt_short", Self.wrongKey, Self.secret, "eyJ"] {
        #expect(!line.contains(credential), "\(line)")
      }
    }
  }

  @Test("why a subscribe is refused stands whole as well, whatever the client's names are, which are masked")
  func subscribe() throws {
    let stage = Stage()
    _ = try stage.connect([("role", "viewer")])
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["token*","risk","joe@example.org*"]}"#)
    let line = try #require(stage.lines.all.last { $0.contains("frame refused") })
    let (unknown, refused) = ("no known type begins so", "the role 'viewer' may not see it")
    #expect(
      line.hasSuffix("\"reason\":\"'token*': \(unknown); 'risk': \(refused); '[email]*': \(unknown)\"}\n"), "\(line)")
  }

  @Test("no refusal that is in the sources is missing here")
  func complete() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Access")
    var literals: [String] = []
    for file in ["AccessControl", "CompactToken", "TokenClaims", "TokenRules", "RemoteKeys"] {
      let text = try String(contentsOf: sources.appending(path: "\(file).swift"), encoding: .utf8)
      let pattern =
        #/(?:\.(?:unproven|forbidden|malformed|claim)\(|RemoteKeysFailure\(reason: |case \.\w+(?:\(let \w+\))?: )"((?:[^"\\]|\\.)*)"/#
      literals += text.matches(of: pattern).map { String($0.1) }
    }
    #expect(literals.count > 25)
    let reasons = Self.all.map(\.reason)
    for literal in literals {
      let parts = literal.split(separator: #/\\\((?:[^()]|\([^()]*\))*\)/#).map(String.init).filter { $0 != ": " }
      #expect(
        reasons.contains { reason in parts.allSatisfy { reason.contains($0) } }, "no test reads \"\(literal)\"")
    }
  }
}
