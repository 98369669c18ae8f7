import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access

@Suite("Tokens")
struct TokenTests {
  static let fixture = TokenFixture.shared

  /// Takes every token of the fixture that is good.
  static func verifier(
    _ environment: [String: String] = [:], without: [String] = [], clock: SettableClock = SettableClock()
  ) throws -> TokenVerifier {
    var variables = [
      "JWT_SECRET": fixture.secret, "JWT_PUBLIC_KEY": fixture.keys["rsa"]! + fixture.keys["ec"]!,
      "JWT_ISSUER": fixture.issuer, "JWT_AUDIENCE": fixture.audience,
    ]
    variables.merge(environment) { $1 }
    for name in without { variables[name] = nil }
    let tokens = try #require(try AccessSettings(environment: Environment(variables)).tokens)
    let keys =
      without.contains("kids") ? tokens.keys : try tokens.keys + JSONWebKeys.decode(TokenFixture.keySet("jwks"))
    return TokenVerifier(tokens.rules, keys: keys, clock: clock.clock)
  }

  @Test("good tokens of every algorithm name the principal and its end", arguments: fixture.good)
  func good(token: TokenFixture.Good) throws {
    var verifier = try Self.verifier()
    guard case .identity(let identity) = verifier.verify(token.token) else {
      Issue.record("\(verifier.verify(token.token))")
      return
    }
    #expect(identity.principal == Principal(user: "u-1", role: .analyst, groups: ["desk-7", "fx"]))
    #expect(identity.scopes == ["read", "write"])
    #expect(identity.untilMilliseconds == token.untilSeconds * 1000)
  }

  @Test("bad tokens are refused, each for its reason", arguments: fixture.bad)
  func bad(token: TokenFixture.Bad) throws {
    // The bare keys of the PEM text fit any name, so they are left out where a name matters.
    var verifier = try Self.verifier(without: token.reason == "unknownKey" ? ["JWT_PUBLIC_KEY"] : [])
    guard case .refused(let fault) = verifier.verify(token.token) else {
      Issue.record("taken")
      return
    }
    let reason = "\(fault)".prefix { $0 != "(" }
    #expect(token.reason == "any" || reason == token.reason, "\(fault)")
  }

  @Test("no token is taken that names an algorithm for which there is no key")
  func missingKeys() throws {
    let kinds = ["HS256": ["JWT_SECRET"], "RS256": ["JWT_PUBLIC_KEY", "kids"], "ES256": ["JWT_PUBLIC_KEY", "kids"]]
    for token in Self.fixture.good {
      let name = token.name.prefix(5)
      guard let without = kinds[String(name)] else { continue }
      var verifier = try Self.verifier(without: without)
      guard case .refused(.algorithm(String(name))) = verifier.verify(token.token) else {
        Issue.record("\(token.name): \(verifier.verify(token.token))")
        continue
      }
    }
  }

  @Test("any byte of a token changed to any other one, and it is refused", arguments: 0..<UInt64(3))
  func flippedByte(kind: UInt64) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    let names = ["HS256", "RS256 by kid", "ES256 by kid"]
    let token = try #require(Self.fixture.good.first { $0.name == names[Int(kind)] }).token
    var verifier = try Self.verifier()
    let whole = Array(token.utf8)
    for place in whole.indices {
      // A neighbour that differs in one bit, and one of base64url's own digits.
      let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=".utf8)
      for other in [
        whole[place] ^ 1 << UInt8.random(in: 0...6, using: &generator), digits.randomElement(using: &generator)!,
      ]
      where other != whole[place] {
        var changed = whole
        changed[place] = other
        guard case .refused = verifier.verify(text(changed)) else {
          Issue.record("byte \(place) changed to \(other) is taken; seed \(seed)")
          return
        }
      }
    }
  }

  @Test("a token whose bytes are cut, repeated or swapped anywhere is refused, and nothing crashes")
  func mangled() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var generator = SeededGenerator(seed)
    var verifier = try Self.verifier()
    for _ in 0..<3_000 {
      let good = Array(Self.fixture.good.randomElement(using: &generator)!.token.utf8)
      var bytes = good
      let start = Int.random(in: 0..<bytes.count, using: &generator)
      let end = Int.random(in: start...bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes.removeSubrange(start..<end)
      case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
      case 2: bytes.replaceSubrange(start..<end, with: bytes[start..<end].reversed())
      default:
        bytes = Array(Self.fixture.good.randomElement(using: &generator)!.token.utf8.prefix(start)) + bytes[start...]
      }
      guard !Self.fixture.good.contains(where: { Array($0.token.utf8) == bytes }) else { continue }
      guard case .refused = verifier.verify(text(bytes)) else {
        Issue.record("\(text(bytes)) is taken; seed \(seed)")
        return
      }
    }
  }

  @Test("clocks may differ by the leeway that is set, and by no second more", arguments: [Int64(0), 1, 60, 300])
  func leeway(seconds: Int64) throws {
    let clock = SettableClock()
    var verifier = try Self.verifier(["JWT_LEEWAY_SECONDS": "\(seconds)"], clock: clock)
    let token = Self.fixture.good[0].token
    clock.advance(seconds: 600 + seconds - 1)
    guard case .identity(let identity) = verifier.verify(token) else {
      Issue.record("refused too early")
      return
    }
    #expect(identity.untilMilliseconds == (clock.seconds + 1) * 1000)
    clock.advance(seconds: 1)
    guard case .refused(.expired) = verifier.verify(token) else {
      Issue.record("taken too late")
      return
    }
  }

  @Test("the past is the future of a clock that is an hour slow")
  func slowClock() throws {
    let clock = SettableClock(seconds: 1_800_000_000 - 3600)
    var verifier = try Self.verifier(clock: clock)
    for token in Self.fixture.good where token.name != "no nbf and no iat" {
      guard case .refused = verifier.verify(token.token) else {
        if token.name != "clocks 59 s apart" { Issue.record("\(token.name) is taken") }
        continue
      }
    }
  }

  @Test("where no audience is set, a token for somebody is for somebody else")
  func audienceUnset() throws {
    var verifier = try Self.verifier(without: ["JWT_AUDIENCE"])
    guard case .refused(.audience) = verifier.verify(Self.fixture.good[0].token) else {
      Issue.record("taken")
      return
    }
    guard case .identity = verifier.verify(try #require(Self.fixture.bad.first { $0.name == "no aud" }).token) else {
      Issue.record("a token for nobody in particular is refused")
      return
    }
  }

  @Test("the user may stand in another claim, a role nobody knows is none, one scope may be a list")
  func otherClaims() throws {
    let claims = try TokenClaims(
      bytes(#"{"email":"a@b","sub":"x","role":"root","groups":"g","scopes":["a","b c"],"exp":1800000001,"iss":"i"}"#),
      userClaim: "email")
    let identity = try TokenRules(userClaim: "email").identity(claims, secondsSinceEpoch: 1_800_000_000)
    #expect(identity.principal == Principal(user: "a@b", role: nil, groups: ["g"]))
    #expect(identity.scopes == ["a", "b", "c"])
  }

  @Test(
    "a user or a group with a control character, a line separator or a turn of direction is none",
    arguments: ["\\n", "\\u0000", "\\u007f", "\\u009b", "\\u2028", "\\u202e", "\\u2066"])
  func controls(escape: String) throws {
    for (members, named) in [
      (#""sub":"a\#(escape)b""#, "'sub'"), (#""sub":"u","groups":["g","a\#(escape)b"]"#, "'groups'"),
    ] {
      let claims = try TokenClaims(bytes(#"{\#(members),"exp":1800000001}"#), userClaim: "sub")
      do throws(TokenFault) {
        _ = try TokenRules().identity(claims, secondsSinceEpoch: 1_800_000_000)
        Issue.record("\(members) is taken")
      } catch {
        #expect(error.reason.description.contains(named))
      }
    }
  }
}
