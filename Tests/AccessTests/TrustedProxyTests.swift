import Telemetry
import Testing

@testable import Access

@Suite("Where a client is")
struct TrustedProxyTests {
  private static let secret = String(repeating: "s", count: 32)
  private static let peer = "198.51.100.4"

  private func address(_ fields: [(String, String)], secret: String? = Self.secret) throws -> String {
    let proxy = try TrustedProxy(environment: Environment(secret.map { ["ORIGIN_SECRET": $0] } ?? [:]))
    return proxy.address(
      of: PresentedCredentials(headers: fields.map { (name: $0.0, value: $0.1) }), peer: Self.peer)
  }

  @Test(
    "with the secret it is the last address before the proxy's own, whatever the client wrote before it",
    arguments: [
      ("203.0.113.7", "203.0.113.7"), ("203.0.113.7, 198.51.100.4", "203.0.113.7"),
      ("10.0.0.1, 203.0.113.7,198.51.100.4", "203.0.113.7"), ("198.51.100.4, 203.0.113.7", "203.0.113.7"),
      ("10.0.0.1,\t2001:db8::7 , 198.51.100.4", "2001:db8::7"), ("198.51.100.4", Self.peer), ("", Self.peer),
      (", 198.51.100.4", Self.peer), (",,", Self.peer),
      // A client that claims to be the proxy is still before the entry that the proxy made of it.
      ("198.51.100.4, 198.51.100.4, 203.0.113.7, 198.51.100.4", "203.0.113.7"),
    ])
  func lastEntry(_ forwarded: String, expected: String) throws {
    #expect(try address([("X-Tickertape-Origin", Self.secret), ("x-forwarded-for", forwarded)]) == expected)
  }

  @Test("several fields count as one list")
  func severalFields() throws {
    let fields = [("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "203.0.113.7, 198.51.100.4")]
    #expect(try address(fields + [("x-tickertape-origin", Self.secret)]) == "203.0.113.7")
  }

  @Test(
    "without the whole secret the field is a claim like any other",
    arguments: [
      "", "s", String(repeating: "s", count: 31), String(repeating: "s", count: 33), "S" + secret.dropFirst(),
    ])
  func forged(_ guess: String) throws {
    #expect(try address([("x-tickertape-origin", guess), ("X-Forwarded-For", "203.0.113.7")]) == Self.peer)
    #expect(try address([("X-Forwarded-For", "203.0.113.7")]) == Self.peer)
  }

  @Test("where no secret is set nobody is believed, also who sends none")
  func unset() throws {
    #expect(try address([("x-tickertape-origin", ""), ("X-Forwarded-For", "203.0.113.7")], secret: nil) == Self.peer)
    #expect(try address([("x-tickertape-origin", Self.secret), ("X-Forwarded-For", "a")], secret: nil) == Self.peer)
  }

  @Test("a secret that is too short is refused, and not repeated")
  func short() {
    let error = #expect(throws: AccessSettingError.self) {
      _ = try TrustedProxy(environment: Environment(["ORIGIN_SECRET": "hunter2"]))
    }
    #expect(error?.description.contains("ORIGIN_SECRET has 7 bytes and needs 32 at least") == true)
    #expect(error?.description.contains("hunter2") == false)
  }

  @Test("which host was asked is believed of who brings the secret, and of nobody else")
  func host() throws {
    let secret = String(repeating: "s", count: 64)
    let proxy = try TrustedProxy(environment: Environment(["ORIGIN_SECRET": secret]))
    let told = [
      (name: "host", value: "abc.lambda-url.eu-west-1.on.aws"), (name: "X-Tickertape-Host", value: "live.example.com"),
    ]
    let from = { (headers: [(name: String, value: String)]) in
      proxy.asked(PresentedCredentials(headers: headers)).fields("Host")
    }
    #expect(from(told + [(name: "x-tickertape-origin", value: secret)]) == ["live.example.com"])
    #expect(from(told) == ["abc.lambda-url.eu-west-1.on.aws"])
    #expect(from(told + [(name: "x-tickertape-origin", value: secret + "s")]) == ["abc.lambda-url.eu-west-1.on.aws"])
    let twice =
      told + [(name: "x-tickertape-host", value: "evil.example"), (name: "x-tickertape-origin", value: secret)]
    #expect(from(twice) == ["abc.lambda-url.eu-west-1.on.aws"])
    let none = try TrustedProxy(environment: Environment([:]))
    let unset = PresentedCredentials(headers: told + [(name: "x-tickertape-origin", value: "")])
    #expect(none.asked(unset).fields("Host") == ["abc.lambda-url.eu-west-1.on.aws"])
  }
}
