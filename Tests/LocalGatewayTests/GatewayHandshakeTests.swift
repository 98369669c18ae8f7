import HTTPWire
import TestSupport
import Testing

@testable import LocalGateway

@Suite("The gateway's handshake", .timeLimit(.minutes(10)))
struct GatewayHandshakeTests {
  @Test("a client that $connect lets in is accepted as RFC 6455 says")
  func accepted() throws {
    let bench = try GatewayBench()
    let client = try bench.client()
    let answer = try client.open("/dev?userId=u-1")
    #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    #expect(answer.headers["sec-websocket-protocol"] == nil)
    let call = try bench.call(0, of: "Connect")
    #expect(call.event.contains(#""queryStringParameters":{"userId":"u-1"}"#))
    #expect(call.timeoutMilliseconds == 29_000)
  }

  @Test("the upgrade waits for $connect, and everybody else is served meanwhile")
  func waits() throws {
    let bench = try GatewayBench()
    let (other, _) = try bench.connected()
    bench.functions.answers["Connect"] = nil
    let slow = try bench.client()
    slow.sendHandshake()
    let connecting = try bench.call(1, of: "Connect")
    other.send(text: "{}")
    try bench.call(0, of: "Default").complete(.json(#"{"statusCode":200,"body":"here"}"#))
    #expect(try other.text() == "here")
    #expect(slow.http.client.received.isEmpty)
    connecting.complete(.json(#"{"statusCode":200}"#))
    #expect(try slow.http.answer().status == 101)
  }

  @Test("the function's answer decides the status", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = { _ in refusal.outcome }
    let client = try bench.client()
    client.sendHandshake()
    let answer = try client.http.answer()
    #expect(answer.status == refusal.status)
    #expect(answer.headers["content-type"] == "application/json")
    #expect(text(answer.body).hasPrefix(refusal.body))
    #expect(bench.gateway.connections.isEmpty)
    #expect(bench.functions.calls(of: "Disconnect").isEmpty)
  }

  @Test("a $connect route whose function nobody knows is 500, no $connect route lets everybody in")
  func missing() throws {
    let bench = try GatewayBench()
    bench.functions.names.remove("Connect")
    let client = try bench.client()
    client.sendHandshake()
    #expect(try client.http.answer().status == 500)
    let open = try GatewayBench { $0.routes = [] }
    #expect(try open.client().open().status == 101)
  }

  @Test("the subprotocol that $connect chooses is passed on")
  func subprotocol() throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = { _ in
      .json(#"{"statusCode":200,"headers":{"sec-websocket-protocol":"bearer"}}"#)
    }
    let answer = try bench.client().open(headers: ["Sec-WebSocket-Protocol: bearer, TOKEN"])
    #expect(answer.headers["sec-websocket-protocol"] == "bearer")
  }

  @Test("fields with several values win over those with one, wherever they stand, and the first counts")
  func multiValueHeaders() throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = { _ in
      .json(
        #"{"statusCode":200,"multiValueHeaders":{"Sec-WebSocket-Protocol":["bearer","b"]},"#
          + #""headers":{"Sec-WebSocket-Protocol":"a"}}"#)
    }
    #expect(try bench.client().open().headers["sec-websocket-protocol"] == "bearer")
  }

  @Test("a refusal's body that came in base64 is decoded, and what is said to be base64 and is not is 502")
  func base64() throws {
    let bench = try GatewayBench()
    let answers = ["bm8gZW50cnk=": (403, "no entry"), "no entry": (502, "Internal server error")]
    for (body, (status, shown)) in answers {
      bench.functions.answers["Connect"] = { _ in
        .json(#"{"isBase64Encoded":true,"statusCode":403,"body":"\#(body)"}"#)
      }
      let client = try bench.client()
      client.sendHandshake()
      let answer = try client.http.answer()
      #expect(answer.status == status && text(answer.body).contains(shown))
    }
  }

  @Test("a header that would start another one is not passed on")
  func headerInjection() throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = { _ in
      .json(#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"a\r\nSet-Cookie: b"}}"#)
    }
    let answer = try bench.client().open()
    #expect(answer.headers["sec-websocket-protocol"] == nil && answer.headers["set-cookie"] == nil)
  }

  @Test("a client that leaves while $connect runs is disconnected after it")
  func leaves() throws {
    let bench = try GatewayBench()
    bench.functions.answers["Connect"] = nil
    let client = try bench.client()
    client.sendHandshake()
    let call = try bench.call(0, of: "Connect")
    client.http.client.close()
    bench.test.settle()
    #expect(bench.functions.calls(of: "Disconnect").isEmpty)
    call.complete(.json(#"{"statusCode":200}"#))
    let event = try bench.call(0, of: "Disconnect").event
    #expect(event.contains(#""disconnectStatusCode":1006"#))
    #expect(bench.gateway.connections.isEmpty)
  }

  @Test("another stage is 403, a request that is no WebSocket 426, a broken handshake 400")
  func wrongRequests() throws {
    let bench = try GatewayBench()
    let other = try bench.client()
    other.sendHandshake("/prod")
    #expect(try other.http.answer().status == 403)
    let http = try bench.http()
    let plain = try http.request("GET", "/dev")
    #expect(plain.status == 426)
    #expect(plain.headers["upgrade"] == "websocket")
    #expect(try http.request("GET", "/nothing").status == 404)
    let upgrade = ["Connection: Upgrade", "Upgrade: websocket"]
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    #expect(try http.request("GET", "/dev", headers: upgrade + [key, "Sec-WebSocket-Version: 8"]).status == 426)
    #expect(try http.request("GET", "/dev", headers: upgrade + ["Sec-WebSocket-Version: 13"]).status == 400)
    #expect(try http.request("POST", "/dev", headers: upgrade + [key, "Sec-WebSocket-Version: 13"]).status == 400)
    #expect(bench.functions.calls.isEmpty)
  }

  @Test("a refusal hands on when to come again; who is let in is not told")
  func retryAfter() throws {
    let bench = try GatewayBench()
    for (status, body) in [(429, ""), (429, "later"), (503, "")] {
      bench.functions.answers["Connect"] = { _ in
        .json(#"{"statusCode":\#(status),"headers":{"retry-after":"17"},"body":"\#(body)"}"#)
      }
      let client = try bench.client()
      client.sendHandshake()
      let answer = try client.http.answer()
      #expect(answer.status == status && answer.headers["retry-after"] == "17")
    }
    bench.functions.answers["Connect"] = { _ in .json(#"{"statusCode":200,"headers":{"Retry-After":"17"}}"#) }
    #expect(try bench.client().open().headers["retry-after"] == nil)
  }

  @Test("$connect is told of a trace: the client's own, or a new one")
  func trace() throws {
    let bench = try GatewayBench()
    try bench.client().open()
    let made = try bench.call(0, of: "Connect").event
    #expect(try #/"X-Amzn-Trace-Id":"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"/#.firstMatch(in: made) != nil)
    let own = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=1"
    try bench.client().open(headers: ["x-amzn-trace-id: \(own)"])
    #expect(try bench.call(1, of: "Connect").event.contains(#""X-Amzn-Trace-Id":"\#(own)""#))
    try bench.client().open(headers: ["X-Amzn-Trace-Id: Root=2-1-x"])
    #expect(try !bench.call(2, of: "Connect").event.contains("Root=2"))
  }

  @Test("a page of another origin cannot open a WebSocket, unless it is allowed")
  func origins() throws {
    let bench = try GatewayBench { $0.allowedOrigins = ["http://localhost:3000"] }
    let evil = try bench.client()
    evil.sendHandshake(headers: ["Origin: http://evil.example"])
    #expect(try evil.http.answer().status == 403)
    try bench.client().open(headers: ["Origin: http://localhost:3000"])
    try bench.client().open(headers: ["Origin: http://127.0.0.1:\(bench.gateway.port)"])
    #expect(bench.functions.calls(of: "Connect").count == 2)
  }

  @Test("a message sent together with the handshake is not lost")
  func eagerClient() throws {
    let bench = try GatewayBench()
    let client = try bench.client()
    client.sendHandshake()
    client.send(text: "eager")
    #expect(try client.http.answer().status == 101)
    #expect(try bench.call(0, of: "Default").event.contains(#""body":"eager""#))
    // Where nothing is waited for, too.
    let open = try GatewayBench { $0.routes = [GatewayRoute(key: "$default", function: "Default")] }
    let other = try open.client()
    other.sendHandshake()
    other.send(text: "eager")
    #expect(try open.call(0, of: "Default").event.contains(#""body":"eager""#))
  }
}

struct Refusal: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let answer: String?
  let failure: String?
  let status: Int
  let body: String

  init(_ description: String, answer: String? = nil, failure: String? = nil, status: Int, body: String) {
    testDescription = description
    self.answer = answer
    self.failure = failure
    self.status = status
    self.body = body
  }

  var outcome: InvocationOutcome {
    if let answer { return .json(answer) }
    return switch failure {
    case "timeout": .timedOut
    case "throttled": .throttled
    case "unknown": .unknownFunction
    default: .functionError(document: [], type: "Function.Unknown")
    }
  }
}

private let refusals = [
  Refusal(
    "401 with a body", answer: #"{"statusCode":401,"body":"{\"message\":\"no key\"}"}"#, status: 401,
    body: #"{"message":"no key"}"#),
  Refusal(
    "403 without one", answer: #"{"statusCode":403}"#, status: 403, body: #"{"message":"Forbidden","connectionId":""#),
  Refusal("429 as text", answer: #"{"statusCode":"429"}"#, status: 429, body: #"{"message":"Too Many Requests""#),
  Refusal("500", answer: #"{"statusCode":500,"body":null}"#, status: 500, body: #"{"message":"Internal server error""#),
  Refusal("an error", failure: "error", status: 502, body: #"{"message":"Internal server error","connectionId":""#),
  Refusal("no JSON", answer: "hello", status: 502, body: #"{"message":"Internal server error""#),
  Refusal("no status", answer: "{}", status: 502, body: #"{"message":"Internal server error""#),
  Refusal("an odd status", answer: #"{"statusCode":99}"#, status: 502, body: #"{"message":"Internal server error""#),
  Refusal("no answer", failure: "timeout", status: 504, body: #"{"message":"Endpoint request timed out""#),
  Refusal("throttled", failure: "throttled", status: 500, body: #"{"message":"Internal server error""#),
  Refusal("unknown", failure: "unknown", status: 500, body: #"{"message":"Internal server error""#),
]
