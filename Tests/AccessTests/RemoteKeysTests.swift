import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Access
@testable import HTTPClient

/// A server of keys that a test sets, and that counts who asks.
private final class KeyServer: Sendable {
  enum Answer: Sendable {
    case keys(String)
    case body(Int, String)
    case unreachable
  }

  private let state = Mutex((answer: Answer.keys("jwks"), asked: 0))

  var asked: Int { state.withLock { $0.asked } }
  func set(_ answer: Answer) { state.withLock { $0.answer = answer } }

  func fetch(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    let answer = state.withLock { state in
      state.asked += 1
      return state.answer
    }
    switch answer {
    case .keys(let name): return HTTPResponse(status: 200, headers: [], body: TokenFixture.keySet(name))
    case .body(let status, let text): return HTTPResponse(status: status, headers: [], body: bytes(text))
    case .unreachable: throw HTTPClientError(.notConnected, tried: "GET", host: request.url.origin, message: "refused")
    }
  }
}

@Suite("Keys at a URL")
struct RemoteKeysTests {
  private let clock = SettableClock()
  private let server = KeyServer()
  private let fixture = TokenFixture.shared

  private func verifier() throws -> TokenVerifier {
    let rules = TokenRules(issuer: fixture.issuer, audiences: [fixture.audience], leewaySeconds: 300)
    let remote = RemoteKeys(
      url: try HTTPURL("https://login.example.com/jwks"), clock: clock.clock, log: Log(minimum: .fatal),
      fetch: server.fetch)
    return TokenVerifier(rules, keys: [], remote: remote, clock: clock.clock)
  }

  private func token(_ name: String) throws -> String { try #require(fixture.good.first { $0.name == name }).token }

  private func name(_ outcome: TokenVerifier.Outcome) -> String {
    switch outcome {
    case .identity: "taken"
    case .refused(let fault): "\(fault)"
    case .keysUnavailable: "unavailable"
    }
  }

  @Test("they are fetched for the first token, and kept for ten minutes")
  func caching() throws {
    var verifier = try verifier()
    #expect(server.asked == 0)
    for _ in 0..<5 { #expect(name(verifier.verify(try token("RS256 by kid"))) == "taken") }
    #expect(name(verifier.verify(try token("ES256 by kid"))) == "taken")
    #expect(server.asked == 1)
    clock.advance(seconds: 599)
    _ = verifier.verify(try token("RS256 by kid"))
    #expect(server.asked == 1)
    clock.advance(seconds: 1)
    #expect(name(verifier.verify(try token("RS256 by kid"))) == "taken")
    #expect(server.asked == 2)
  }

  @Test("a new key's name has them fetched again at once, and the old key is none any more")
  func rotation() throws {
    var verifier = try verifier()
    _ = verifier.verify(try token("RS256 by kid"))
    server.set(.keys("jwksRotated"))
    #expect(name(verifier.verify(fixture.rotated)) == "taken")
    #expect(server.asked == 2)
    #expect(name(verifier.verify(try token("RS256 by kid"))) == "unknownKey")
    #expect(server.asked == 2)
  }

  @Test("made-up names have them fetched once a minute at most")
  func flood() throws {
    var verifier = try verifier()
    let forged = try #require(fixture.bad.first { $0.name == "unknown kid" }).token
    _ = verifier.verify(try token("RS256 by kid"))
    for _ in 0..<100 { #expect(name(verifier.verify(forged)) == "unknownKey") }
    #expect(server.asked == 2)
    clock.advance(seconds: 60)
    for _ in 0..<100 { _ = verifier.verify(forged) }
    #expect(server.asked == 3)
  }

  @Test("a fetch that fails leaves the keys as they were", arguments: 0..<4)
  func failure(kind: Int) throws {
    var verifier = try verifier()
    _ = verifier.verify(try token("RS256 by kid"))
    server.set(
      [.unreachable, .body(500, "sorry"), .body(200, "<html>"), .body(200, #"{"keys":[]}"#)][kind])
    clock.advance(seconds: 600)
    #expect(name(verifier.verify(try token("RS256 by kid"))) == "taken")
    #expect(server.asked == 2)
    // And it is tried again only after a minute.
    #expect(name(verifier.verify(try token("RS256 by kid"))) == "taken")
    #expect(server.asked == 2)
    server.set(.keys("jwksRotated"))
    clock.advance(seconds: 60)
    #expect(name(verifier.verify(fixture.rotated)) == "taken")
  }

  @Test("without any keys nothing is said of a token, and they are asked for again soon")
  func neverReached() throws {
    var verifier = try verifier()
    server.set(.unreachable)
    for _ in 0..<10 { #expect(name(verifier.verify(try token("RS256 by kid"))) == "unavailable") }
    #expect(server.asked == 1)
    server.set(.keys("jwks"))
    clock.advance(seconds: 5)
    #expect(name(verifier.verify(try token("RS256 by kid"))) == "taken")
  }

  @Test("a token that cannot be signed by a public key asks for none")
  func secrets() throws {
    var verifier = try verifier()
    for token in [try token("HS256"), "x", fixture.bad[0].token] {
      guard case .refused = verifier.verify(token) else {
        Issue.record("taken")
        continue
      }
    }
    #expect(server.asked == 0)
  }
}
