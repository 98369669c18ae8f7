import Glibc
import JSON
import Telemetry
import TestSupport
import Testing

@Suite("what may not stand in a log")
struct MaskingTests {
  private static let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"

  @Test(
    "secrets and people's addresses and numbers are masked, the words around them stay",
    arguments: [
      ("mail from joe.doe+x@example.co.uk.", "mail from [email]."),
      ("<j\u{F6}rg@m\u{FC}nchen.example>", "<[email]>"),
      ("?user=joe%40example.com&a=1", "?user=[email]&a=1"),
      ("a@b, c@d", "[email], [email]"),
      ("postgres://joe:p!ss@db.example:5432/x", "postgres://[email]:5432/x"),
      ("call +49 170 1234567 now", "call [phone] now"),
      ("call +1 (555) 123-4567", "call [phone]"),
      ("tel:+41791234567", "tel:[phone]"),
      ("0041 79 123 45 67, 0170/1234567", "[phone], [phone]"),
      ("(555) 123-4567 or 555-123-4567 or 1-555-123-4567", "[phone] or [phone] or [phone]"),
      ("key tt_0123456789abcdefABCDEF was used", "key [key] was used"),
      ("?apiKey=tt_0123456789abcdef&x=1", "?apiKey=[secret]&x=1"),
      ("Authorization: Bearer \(jwt)", "Authorization: [secret]"),
      ("sent Bearer \(jwt) twice", "sent Bearer [token] twice"),
      ("bearer, 0a1b2c3d", "bearer, [token]"),
      ("Bearer%20Abc123", "Bearer%20[token]"),
      ("Basic dXNlcjpwdw==", "Basic [token]"),
      ("token was \(jwt)!", "token was [token]!"),
      ("password=hunter2&user=u-1", "password=[secret]&user=u-1"),
      ("DB_PASSWORD = hunter2 more", "DB_PASSWORD = [secret] more"),
      ("password='two words' rest", "password='[secret]' rest"),
      ("password%3Dhunter2", "password%3D[secret]"),
      (#"{"token":"a\"b\\","user":"u-1"}"#, #"{"token":"[secret]","user":"u-1"}"#),
      (#"{"clientSecret" : "x", "n":1}"#, #"{"clientSecret" : "[secret]", "n":1}"#),
      (#"body {\"access_token\":\"x\",\"n\":1}"#, #"body {\"access_token\":\"[secret]\",\"n\":1}"#),
      (#""{\\\"jwt\\\":\\\"x\\\"}""#, #""{\\\"jwt\\\":\\\"[secret]\\\"}""#),
      (#"{"token":"never closed"#, #"{"token":"[secret]"#),
      ("Cookie: session=abc; theme=dark\nHost: x", "Cookie: [secret]\nHost: x"),
      (
        "X-Amz-Security-Token=abc&X-Amz-Signature=def&X-Amz-Date=20260102",
        "X-Amz-Security-Token=[secret]&X-Amz-Signature=[secret]&X-Amz-Date=20260102"
      ),
      ("x-api-key: abc", "x-api-key: [secret]"),
      (#"{"phone":"5551234567","email":"joe"}"#, #"{"phone":"[phone]","email":"[email]"}"#),
      (#"{"token":["a","b]c"],"n":[1]}"#, #"{"token":[[secret]],"n":[1]}"#),
      (#"{"passwords":["a"],"apiKeys" : [ "b" ],"n":1}"#, #"{"passwords":[[secret]],"apiKeys" : [[secret]],"n":1}"#),
      (#"{"credentials":{"user":"u","pin":[1,{}]},"n":1}"#, #"{"credentials":{[secret]},"n":1}"#),
      (#"secret: [never closed"#, #"secret: [[secret]"#),
      ("X-Auth: abc", "X-Auth: [secret]"),
      ("otp=123456&passcode=9999", "otp=[secret]&passcode=[secret]"),
      ("key -----BEGIN EC PRIVATE KEY-----\nMIIE\nAb==\n-----END EC PRIVATE KEY----- follows", "key [secret] follows"),
      ("-----BEGIN PRIVATE KEY-----\\nMIIE", "[secret]"),
    ])
  func masked(text: String, expected: String) {
    #expect(Masking.masked(text) == expected)
    // What is masked once has nothing left to mask but the marks themselves.
    let again = Masking.masked(expected)
    #expect(again == nil || again == expected)
  }

  @Test(
    "what a log is for stays as it is",
    arguments: [
      "", "connected", "8f3c1d2e-1b7a-4c0d-9e3f-2a1b3c4d5e6f", "01234567-89ab-cdef-0123-456789abcdef",
      "AbCdEfG1oAMCJuQ=", "203.0.113.7", "2001:db8::1", "2026-01-02T10:30:01.000Z", "20/Nov/2026:12:00:00 +0000",
      "1735819801000-000004f2a1", "000000001266", "all/price:update", "stream:market_data:AAPL", "price 0.123456789",
      "1-5759e988-bd862e3fe1be46a994272793", "took 45 ms for 1000 of 10000",
      "https://x.example/dev/@connections/AbC%3D",
      "the bearer token is missing", "basic authentication", "tt_short", "eyJ", "GET /dev?userId=u-1&role=viewer",
      "arn:aws:dynamodb:eu-central-1:123456789012:table/tickertape-dev", #"{"key":"AAPL","idempotencyKey":"k-1"}"#,
      "-----BEGIN PUBLIC KEY-----", "keys: [1,2]", "----- begin", "addresss: x", "tokens", "-- a -- b", "hotpot=1",
      "Sun, 06 Nov 1994 08:49:37 GMT", "key=AAPL", "authority: x", "v0.1.2 of 3-4-5", "\u{1F600}\u{E9}\0",
    ])
  func untouched(text: String) { #expect(Masking.masked(text) == nil) }

  @Test("what came from outside is masked wherever it stands in a line, and by the field's name alone")
  func lines() throws {
    let lines = Lines()
    let log = Log(clock: .fixed, write: lines.write)
      .with(["who": .text("joe@example.com"), "apiKey": .text("plain")])
    let said = "password=hunter2"
    log.info(
      "they said \(said)",
      ["header": .text("Bearer \(Self.jwt)"), "token": .text(""), "phone": .text("12"), "n": 7, "also": "\(said)"])
    #expect(
      lines.all == [
        #"{"timestamp":"2026-11-20T12:00:00.000Z","level":"INFO","message":"they said password=[secret]","#
          + #""who":"[email]","apiKey":"[secret]","header":"Bearer [token]","token":"","phone":"[phone]","n":7,"#
          + #""also":"password=[secret]"}"# + "\n"
      ])
  }

  @Test("what the program wrote itself stands whole, also around what it masks")
  func own() throws {
    let lines = Lines()
    let log = Log(clock: .fixed, write: lines.write).with(["requestId": .identifier("eyJhbGciOiJIUzI1NiJ9")])
    let offset = "authorization"
    log.info("cookie: not a key", ["reason": "\(known: offset): no key for '\("joe@example.com")' of \(3)"])
    #expect(
      lines.all == [
        #"{"timestamp":"2026-11-20T12:00:00.000Z","level":"INFO","message":"cookie: not a key","#
          + #""requestId":"eyJhbGciOiJIUzI1NiJ9","reason":"authorization: no key for '[email]' of 3"}"# + "\n"
      ])
  }

  private struct Told: Error, CustomStringConvertible, LogTextConvertible {
    let description = "token: gone"
    var logText: LogText { LogText(known: description) }
  }

  private struct Untold: Error, CustomStringConvertible {
    let description = "token: hunter2"
  }

  @Test("an error is masked unless it knows its own words")
  func errors() {
    #expect(LogText(Told()).description == "token: gone")
    #expect(LogText(Untold()).description == "token: [secret]")
  }

  private static let pieces = [
    "@", "a@b.c", ":", "=", "://", "/", "%", "%40", "%3D", "\"", "\\", "'", " ", "\n", "password", "token", "Bearer ",
    "eyJ", "tt_", "+", "0", "170", "1234567", "555", "-", ".", "(", ")", "&", "{", "}", ",", "\u{E9}", "\u{1F600}", "x",
    "Cookie", "\u{0}", "basic", "+49 170 ",
  ]

  @Test("whatever the text is, the line is JSON, and what is not masked stays", arguments: 1...200)
  func random(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let text = (0..<Int.random(in: 0...40, using: &generator))
      .map { _ in Self.pieces.randomElement(using: &generator)! }.joined()
    let masked = Masking.masked(text)
    // Marks aside, the rest is a subsequence of the text.
    var rest = text.utf8[...]
    for byte in Self.withoutMarks(masked ?? text).utf8 {
      let offset = try #require(rest.firstIndex(of: byte), "seed \(seed)")
      rest = rest[rest.index(after: offset)...]
    }
    let lines = Lines()
    Log(clock: .fixed, write: lines.write).info("\(text)", ["text": .text(text)])
    try JSONReader.validate(Array(lines.all[0].utf8))
  }

  private static func withoutMarks(_ text: String) -> String {
    var bytes = Array(text.utf8)
    for mark in ["[email]", "[phone]", "[key]", "[token]", "[secret]"].map({ Array($0.utf8) }) {
      var offset = 0
      while offset + mark.count <= bytes.count {
        if bytes[offset...].starts(with: mark) {
          bytes.removeSubrange(offset..<offset + mark.count)
        } else {
          offset += 1
        }
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("a secret is found wherever it stands among other text", arguments: 1...200)
  func found(seed: UInt64) {
    var generator = SeededGenerator(seed)
    let noise = ["x ", "a:b ", "\"k\":1,", "\n", "=\u{20}", "/p/", "? ", "\u{E9} ", "12 ", "{ "]
    func some() -> String {
      (0..<Int.random(in: 0...12, using: &generator)).map { _ in noise.randomElement(using: &generator)! }.joined()
    }
    let secrets = [
      ("joe@secret.example", "joe@"), ("+49 170 7654321", "7654321"), ("tt_SECRETSECRETSECRET", "SECRET"),
      (Self.jwt, "eyJ"), ("password=SECRET", "SECRET"), ("\"token\":\"SECRET\"", "SECRET"), ("Bearer S3CRET", "S3CRET"),
    ]
    let (secret, trace) = secrets.randomElement(using: &generator)!
    let text = some() + " " + secret + " " + some()
    #expect(!(Masking.masked(text) ?? text).contains(trace), "seed \(seed): \(text)")
  }

  @Test(
    "hostile text is read in a time that grows with its length, not with its square", .timeLimit(.minutes(5)),
    arguments: [
      "@", "a@", "a@.", "=", "a=", "password=", "password='", "\"token\":\"\\", "token:\\\"", "Bearer ", "bearer a",
      "tt_", "eyJ", "eyJ.", "+", "+1 ", "0", "0 1 ", "(5", "555-", "%", "%40", "a%40", "://", "://a:", "\\", "\\\"",
      "a",
      "\u{E9}", "Cookie: ", "authorization: \"",
    ])
  func hostile(piece: String) {
    let (short, long) = (Self.nanoseconds(piece, bytes: 1 << 10), Self.nanoseconds(piece, bytes: 16 << 10))
    // Sixteen times as long; the square would be 256 times as much.
    #expect(long < 64 * short, "\(long) ns after \(short) ns")
  }

  /// What this thread, and no other, was busy for, at the best of five times.
  private static func nanoseconds(_ piece: String, bytes: Int) -> Int {
    let text = String(repeating: piece, count: bytes / piece.utf8.count)
    let lines = Lines()
    let log = Log(clock: .fixed, write: lines.write)
    let times = (0..<5).map { _ in
      var (start, end) = (timespec(), timespec())
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
      log.info("\(text)")
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
      return (end.tv_sec - start.tv_sec) * 1_000_000_000 + end.tv_nsec - start.tv_nsec
    }
    #expect(lines.all.count == 5)
    return max(1, times.min() ?? 0)
  }
}
