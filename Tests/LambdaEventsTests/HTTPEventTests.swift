import FoundationEssentials
import JSON
import TestSupport
import Testing

@testable import LambdaEvents

enum HTTPFixture {
  static let names = ["function-url", "http-api", "rest-api", "rest-api-own-domain"]

  /// The invocation of that name in `Tests/Fixtures/http`.
  static func named(_ name: String) throws -> [UInt8] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return Array(try Data(contentsOf: folder.appending(path: "Fixtures/http/\(name).json")))
  }
}

@Suite("Requests over HTTP")
struct HTTPEventTests {
  @Test("a function URL's request is read: path, query in its order, headers, cookies, client")
  func functionURL() throws {
    let event = try HTTPEvent(decoding: HTTPFixture.named("function-url"))
    #expect(event.context.front == .functionURL)
    #expect(event.method == "GET")
    #expect(event.segments == ["api", "stream", "prices"])
    #expect(
      event.query.pairs.map { "\($0.name)=\($0.value)" } == [
        "symbols=AAPL,GOOGL", "symbols=BRK.B", "note=a b c", "flag=",
      ])
    #expect(event.headers["Last-Event-ID"] == "1793613630123-k3.AbC")
    #expect(event.cookies.map { "\($0.name)=\($0.value)" } == ["session=abc", "theme=dark", "last=1"])
    #expect(event.headers.values("Cookie") == ["session=abc; theme=dark; last=1"])
    #expect(event.body.isEmpty)
    #expect(event.context.sourceAddress == "203.0.113.9")
    #expect(event.context.userAgent == "curl/8.5.0")
    #expect(event.context.requestID == "0b9d1f2a-0000-4000-8000-000000000001")
    #expect(event.context.stage == "$default")
    #expect(event.context.requestTimeMilliseconds == 1_795_176_030_123)
  }

  @Test("an HTTP API's request is read without the stage, a form's body out of base64, byte for byte")
  func httpAPI() throws {
    let event = try HTTPEvent(decoding: HTTPFixture.named("http-api"))
    #expect(event.context.front == .httpAPI)
    #expect(event.path == "/streaming/subscribe/sse")
    #expect(text(event.body) == "channels=prices&a=%FF")
    #expect(event.context.authorizer.map(text)?.contains("user-7") == true)
    #expect(event.query.pairs.isEmpty)
    #expect(event.cookies.isEmpty)
  }

  @Test("a REST API's request is read with every value of a parameter and of a field, each once")
  func restAPI() throws {
    let event = try HTTPEvent(decoding: HTTPFixture.named("rest-api"))
    #expect(event.context.front == .restAPI)
    #expect(event.path == "/stream/sse")
    #expect(event.query.pairs.map { "\($0.name)=\($0.value)" } == ["types=order", "types=price", "filter[a]=x&y"])
    #expect(event.rawQuery == "types=order&types=price&filter%5Ba%5D=x%26y")
    #expect(event.headers.pairs.count == 5)
    #expect(event.cookies.map(\.name) == ["session", "b"])
    #expect(event.context.sourceAddress == "198.51.100.7")
  }

  @Test(
    "behind a domain of one's own the path has the stage or mapping before it, and nested proxies keep their parent")
  func ownDomain() throws {
    let event = try HTTPEvent(decoding: HTTPFixture.named("rest-api-own-domain"))
    #expect(event.path == "/user/session")
    #expect(text(event.body) == #"{"price":152.50}"#)
    #expect(event.context.userAgent == nil)
  }

  @Test("a stage is taken off only where it stands as a segment of its own")
  func stages() {
    #expect(HTTPPath.withoutStage("/prod/a", stage: "prod") == "/a")
    #expect(HTTPPath.withoutStage("/prod", stage: "prod") == "/")
    #expect(HTTPPath.withoutStage("/prod/", stage: "prod") == "/")
    #expect(HTTPPath.withoutStage("/production/a", stage: "prod") == "/production/a")
    #expect(HTTPPath.withoutStage("/a/prod", stage: "prod") == "/a/prod")
    #expect(HTTPPath.withoutStage("/$default/a", stage: "$default") == "/$default/a")
    #expect(HTTPPath.withoutStage("/a", stage: "") == "/a")
  }

  @Test("a REST API's resource that is called as its stage keeps its name")
  func resourceNamedAsStage() throws {
    let bytes = try text(HTTPFixture.named("rest-api"))
      .replacing("/stream/sse", with: "/live/sse").replacing("/live/live/sse", with: "/live/live/sse")
    #expect(try HTTPEvent(decoding: TestSupport.bytes(bytes)).path == "/live/sse")
  }

  @Test("a path that two readers could take for two different ones has no segments")
  func ambiguousPaths() {
    for path in [
      "/a/%2e%2e/b", "/../a", "/a/./b", "/a/%2E", "/a%00b", "/a%0d%0ab", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/%",
      "/%zz",
      "/%ff", "a/b", "", "/a/\u{7F}",
    ] {
      #expect(HTTPPath.segments(of: path) == nil, "\(path)")
    }
    #expect(HTTPPath.segments(of: "/") == [])
    #expect(HTTPPath.segments(of: "/a/") == ["a"])
    #expect(HTTPPath.segments(of: "//a") == ["", "a"])
    #expect(HTTPPath.segments(of: "/%C3%A9/a%20b/...") == ["é", "a b", "..."])
    // Decoded once: what stands behind is data.
    #expect(HTTPPath.segments(of: "/%252e%252e") == ["%2e%2e"])
  }

  @Test("an event is written as the front writes it: what was read is read again")
  func roundTrip() throws {
    for name in HTTPFixture.names {
      let event = try HTTPEvent(decoding: HTTPFixture.named(name))
      let written = event.encoded()
      let again = try HTTPEvent(decoding: written)
      #expect(again.encoded() == written, "\(name)")
      #expect(again.context == event.context, "\(name)")
      #expect(again.path == event.path && again.method == event.method && again.body == event.body, "\(name)")
      #expect(again.query.pairs.elementsEqual(event.query.pairs) { $0 == $1 }, "\(name)")
      #expect(again.cookies.elementsEqual(event.cookies) { $0 == $1 }, "\(name)")
      for field in event.headers.pairs {
        #expect(again.headers.values(field.name) == event.headers.values(field.name), "\(name): \(field.name)")
      }
    }
  }

  @Test("what is written has the members of the front's own event")
  func members() throws {
    for name in HTTPFixture.names {
      let fixture = try HTTPFixture.named(name)
      let written = try JSONValue(HTTPEvent(decoding: fixture).encoded())
      let names = Set(try members(JSONValue(fixture)))
      let others = Set(members(written)).subtracting(names).subtracting(optional)
      #expect(others.isEmpty, "\(name): \(others)")
    }
  }

  /// Absent in a fixture that has none of it.
  private let optional: Set<String> = [
    "cookies", "requestContext.authorizer", "requestContext.extendedRequestId", "requestContext.domainPrefix",
    "requestContext.identity.userAgent",
  ]

  private func members(_ value: JSONValue, below path: String = "") -> [String] {
    guard case .object(let members) = value else { return [] }
    return members.flatMap { member -> [String] in
      let name = path.isEmpty ? member.name : "\(path).\(member.name)"
      return [name]
        + (member.name == "requestContext" || path == "requestContext" ? self.members(member.value, below: name) : [])
    }
  }

  @Test("a request that a gateway takes arrives in each format as the client sent it")
  func gateway() throws {
    for front in HTTPFront.allCases {
      let context = HTTPRequestContext(
        front: front, requestID: "r-1", stage: front == .restAPI ? "live" : "$default",
        domainName: front == .functionURL ? "x.lambda-url.local.on.aws" : "x.execute-api.local.amazonaws.com",
        sourceAddress: "127.0.0.1")
      let event = HTTPEvent(
        context: context, method: "POST", path: "/a%20b/c", rawQuery: "x=1&x=&y=%26+z",
        headers: [("Host", "x"), ("Cookie", "a=1; b=2"), ("X-A", "1"), ("X-A", "2"), ("Content-Type", "image/png")],
        body: [0xFF, 0x00, 0x80])
      let read = try HTTPEvent(decoding: event.encoded())
      #expect(read.context.front == front)
      #expect(read.segments == ["a b", "c"])
      #expect(read.query.pairs.map { "\($0.name)=\($0.value)" } == ["x=1", "x=", "y=& z"])
      #expect(read.query["x"] == "")
      #expect(read.headers.values("x-a") == (front == .restAPI ? ["1", "2"] : ["1,2"]))
      #expect(read.cookies.map { "\($0.name)=\($0.value)" } == ["a=1", "b=2"])
      #expect(read.body == [0xFF, 0x00, 0x80])
    }
  }

  @Test("a REST API says the last of several values where it says one, and nulls where there is none")
  func lastValue() throws {
    let context = HTTPRequestContext(front: .restAPI, requestID: "r", stage: "live")
    let with = HTTPEvent(
      context: context, method: "GET", path: "/", rawQuery: "x=1&x=3", headers: [("A", "1"), ("A", "2")])
    #expect(
      text(with.encoded()).contains(
        #""queryStringParameters":{"x":"3"},"multiValueQueryStringParameters":{"x":["1","3"]}"#))
    #expect(text(with.encoded()).contains(#""headers":{"A":"2"},"multiValueHeaders":{"A":["1","2"]}"#))
    let without = HTTPEvent(context: context, method: "GET", path: "/", rawQuery: "", headers: [])
    #expect(text(without.encoded()).contains(#""queryStringParameters":null,"multiValueQueryStringParameters":null"#))
  }

  // MARK: Bad input

  @Test("what is no request is refused, and the refusal says what is wrong")
  func refused() throws {
    let fixture = try text(HTTPFixture.named("function-url"))
    for (input, words) in [
      ("", "no more bytes"), ("[]", "object"), ("{}", "'requestContext' is missing"),
      (#"{"requestContext":{}}"#, "'path'"),
      (fixture.replacing(#""version": "2.0""#, with: #""version": "3.0""#), "payload format '3.0'"),
      (fixture.replacing(#""version": "2.0""#, with: #""version": 2"#), ""),
      (fixture.replacing(#""rawPath""#, with: #""rawpath""#), "'rawPath' is missing"),
      (fixture.replacing(#""method": "GET""#, with: #""method": null"#), "'requestContext.http.method' is missing"),
      (fixture.replacing(#""method": "GET""#, with: #""method": """#), "the method is empty"),
      (fixture.replacing(#""rawPath": "/api"#, with: #""rawPath": "api"#), "begin with a slash"),
      (fixture.replacing(#""accept": "text/event-stream""#, with: #""accept": ["text/event-stream"]"#), ""),
      (fixture.replacing(#""cookies": ["#, with: #""cookies": [7, "#), ""),
      (fixture.replacing(#""timeEpoch": 1795176030123"#, with: #""timeEpoch": "soon""#), ""),
      (
        fixture.replacing(#""body": null"#, with: #""body": "%%%""#).replacing(
          "Encoded\": false", with: "Encoded\": true"), "not base64"
      ),
      (fixture + "x", ""),
    ] {
      let error = try #require(throws: HTTPEventError.self) { try HTTPEvent(decoding: bytes(input)) }
      #expect(words == "no more bytes" || "\(error)".contains(words), "\(error)")
    }
  }

  @Test("of a member that stands twice the last counts")
  func duplicates() throws {
    let fixture = try text(HTTPFixture.named("function-url"))
    let event = try HTTPEvent(
      decoding: bytes(fixture.replacing(#""body": null"#, with: #""rawPath": "/b", "body": "1", "body": "2""#)))
    #expect(event.path == "/b")
    #expect(text(event.body) == "2")
  }

  @Test("sixteen kilobytes of cookies are read, and those that are none are passed over")
  func manyCookies() throws {
    let fixture = try text(HTTPFixture.named("function-url"))
    let many = (0..<1_600).map { "c\($0)=\($0)" }.joined(separator: "; ")
    let event = try HTTPEvent(
      decoding: bytes(fixture.replacing("session=abc; theme=dark", with: many + "; ;=x;novalue; a=b=c")))
    #expect(event.cookies.count == 1_602)
    #expect(event.cookies.last { $0.name == "a" }?.value == "b=c")
  }

  @Test("fields of both members of a REST API's event are there once, the several before the one")
  func bothHeaders() throws {
    let fixture = try text(HTTPFixture.named("rest-api"))
    let event = try HTTPEvent(
      decoding: bytes(
        fixture.replacing(#""Accept": "text/event-stream""#, with: #""accept": "text/html", "X-Only": "1""#)))
    #expect(event.headers.values("accept") == ["text/event-stream"])
    #expect(event.headers["x-only"] == "1")
  }

  @Test("what the fuzzer has collected holds, and what is made of it by small changes")
  func arbitraryBytes() throws {
    for name in HTTPFixture.names {
      try #expect(HTTPEventAgreement.violation(of: HTTPFixture.named(name)) == nil, "\(name)")
    }
    let seed = UInt64.random(in: .min ... .max)
    var corpus = try MutatedCorpus(of: "HTTPEvents", seed: seed)
    for number in 0..<10_000 {
      let input = corpus.next()
      let violation = HTTPEventAgreement.violation(of: input)
      try #require(violation == nil, "seed \(seed), number \(number): \(text(input))")
    }
  }
}
