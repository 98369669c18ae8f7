import HTTPWire
import LambdaEvents
import Telemetry
import Testing

@testable import LocalGateway

@Suite("Fronts of functions over HTTP", .timeLimit(.minutes(5)))
struct HTTPFrontTests {
  @Test("each front hands over its own event", arguments: HTTPFront.allCases)
  func events(front: HTTPFront) throws {
    let stage = try HTTPFunctionStage(front)
    let client = try stage.client(
      "POST /dev/a%2Fb?x=1&x=2 HTTP/1.1\r\nHost: HOST\r\nCookie: a=1; b=2\r\nConnection: keep-alive, x-hop\r\n"
        + "X-Forwarded-For: 192.0.2.1\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody")
    let runtime = try stage.runtime()
    try runtime.next()
    let event = try HTTPEvent(decoding: Array(runtime.event.utf8))
    #expect(event.context.front == front && event.method == "POST")
    #expect(event.path == (front == .restAPI ? "/a%2Fb" : "/dev/a%2Fb"))
    #expect(event.query["x"] == "2" && event.body == Array("body".utf8))
    #expect(event.headers["x-forwarded-for"] == "192.0.2.1, 127.0.0.1")
    #expect(event.headers["connection"] == nil && event.headers["x-amzn-trace-id"] != nil)
    #expect(event.cookies.map(\.name) == ["a", "b"])
    #expect(event.context.requestID == runtime.requestID)
    client.close()
    try stage.stop()
  }

  @Test(
    "an answer of one piece goes through a function URL and an HTTP API; a REST API that streams has none",
    arguments: HTTPFront.allCases)
  func onePiece(front: HTTPFront) throws {
    let stage = try HTTPFunctionStage(front)
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    #expect(
      try runtime.post(
        #"{"statusCode":201,"headers":{"x-a":"b"},"cookies":["c=1"],"body":"aGk=","isBase64Encoded":true}"#)
        == 202)
    let answer = try stage.answer(client)
    if front == .restAPI {
      #expect(answer.status == 500)
    } else {
      #expect(answer.status == 201 && answer.body == Array("hi".utf8))
      #expect(answer.headers["x-a"] == "b" && answer.headers["set-cookie"] == "c=1")
    }
    try stage.stop()
  }

  @Test("behind an HTTP API a stream loses its body")
  func buffered() throws {
    let stage = try HTTPFunctionStage(.httpAPI)
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude(#"{"statusCode":200,"headers":{"x-a":"b"}}"#, "data: 1\n\n")
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    let answer = try stage.answer(client)
    #expect(answer.status == 200 && answer.headers["x-a"] == "b" && answer.body.isEmpty)
    try stage.stop()
  }

  @Test("an HTTP API waits so long and no longer")
  func integrationTime() throws {
    let stage = try HTTPFunctionStage(.httpAPI, configure: { $0.integrationMilliseconds = 50 })
    let answer = try stage.answer(try stage.get())
    #expect(answer.status == 503)
    #expect(String(decoding: answer.body, as: UTF8.self) == #"{"message":"Service Unavailable"}"#)
    try stage.stop()
  }

  @Test(
    "what is no answer is refused in the words of the front",
    arguments: [
      (HTTPFront.functionURL, #"{"statusCode":"x"}"#, 502), (.functionURL, "no JSON", 502), (.restAPI, "no JSON", 500),
      (.functionURL, #"{"statusCode":150}"#, 502), (.restAPI, #"{"statusCode":200,"body":"a"}"#, 500),
      (.restAPI, String(repeating: " ", count: 17 << 10) + "{}", 500),
    ])
  func badPrelude(front: HTTPFront, prelude: String, status: Int) throws {
    let stage = try HTTPFunctionStage(front)
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude(prelude, "body")
    #expect(try stage.answer(client).status == status)
    runtime.finish()
    #expect(try runtime.answer().status == 202, "the function is not told")
    try stage.stop()
  }

  @Test(
    "a stream that ends inside its prelude, an error, an answer of rubbish: 502",
    arguments: ["short", "error", "rubbish"])
  func noAnswer(how: String) throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    switch how {
    case "short":
      runtime.begin()
      runtime.chunk(#"{"statusCode":200"#)
      runtime.finish()
    case "error": #expect(try runtime.post(#"{"errorMessage":"secret"}"#, as: "error") == 202)
    default: #expect(try runtime.post("rubbish") == 202)
    }
    let answer = try stage.answer(client)
    #expect(answer.status == 502)
    #expect(String(decoding: answer.body, as: UTF8.self) == #"{"Message":"Internal Server Error"}"#)
    try stage.stop()
  }

  @Test(
    "beyond its reserved concurrency a function is throttled at once, streams of clients that have gone counting too")
  func throttled() throws {
    let stage = try HTTPFunctionStage { $0.reservedConcurrency = 1 }
    let gone = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    gone.close()
    let refused = try stage.answer(try stage.get())
    #expect(refused.status == 429 && refused.headers["content-type"] == "application/json")
    #expect(String(decoding: refused.body, as: UTF8.self) == #"{"Message":"Rate Exceeded."}"#)
    runtime.begin()
    runtime.prelude()
    runtime.finish()
    _ = try runtime.answer()
    let next = try stage.get()
    try runtime.next()
    #expect(try runtime.post(#"{"statusCode":204}"#) == 202)
    #expect(try stage.answer(next).status == 204)
    try stage.stop()
  }

  @Test(
    "a REST API cuts a stream whose function is silent, a comment keeps it; a function URL does not",
    arguments: [HTTPFront.restAPI, .functionURL])
  func idle(front: HTTPFront) throws {
    #expect(HTTPFrontConfiguration(.restAPI).idleMilliseconds == 300_000)
    #expect(HTTPFrontConfiguration(.restAPI).maximumMilliseconds == 900_000)
    #expect(HTTPFrontConfiguration(.functionURL).idleMilliseconds == nil)
    let stage = try HTTPFunctionStage(
      front, configure: { if front == .restAPI { $0.idleMilliseconds = 400 } })
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    let began = stage.loop.clock.monotonicMilliseconds()
    while stage.loop.clock.monotonicMilliseconds() < began + 600 {
      runtime.chunk(":\n\n")
      stage.settle()
    }
    #expect(!client.hasEnded, "comments kept it")
    if front == .restAPI {
      try stage.functions.wait("the cut") { client.hasEnded }
      #expect(stage.logLines.contains { $0.contains(#""end":"idle""#) })
    } else {
      #expect(!client.hasEnded)
    }
    // Not told.
    runtime.chunk("more")
    runtime.finish()
    #expect(try runtime.answer().status == 202)
    try stage.stop()
  }

  @Test("a REST API cuts a stream of its longest duration however much it says")
  func maximumDuration() throws {
    let stage = try HTTPFunctionStage(.restAPI, configure: { $0.maximumMilliseconds = 100 })
    let client = try stage.get()
    let runtime = try stage.runtime()
    try runtime.next()
    runtime.begin()
    runtime.prelude()
    try stage.functions.wait("the cut") {
      runtime.chunk(":\n\n")
      stage.settle()
      return client.hasEnded
    }
    #expect(stage.logLines.contains { $0.contains(#""end":"maximum duration""#) })
    try stage.stop()
  }

  @Test("the closest pattern takes a path, and * what nothing else answers")
  func patterns() throws {
    func route(_ pattern: String) -> HTTPFunctionRoute? { HTTPFunctionRoute(pattern: pattern, function: "f") }
    for wrong in ["", "a", "a*", "/a*", "/a?b", "/a b", "/*/a", "**"] { #expect(route(wrong) == nil, "\(wrong)") }
    #expect(route("/a/*")?.closeness(to: "/a/b/c") == 3 && route("/a/*")?.closeness(to: "/a") == nil)
    #expect(route("/a")?.closeness(to: "/a") == .max && route("/a")?.closeness(to: "/a/b") == nil)
    #expect(route("/*")?.isRemainder == true)
    let stage = try HTTPFunctionStage(paths: ["/api/*"])
    #expect(try stage.answer(try stage.get("/other")).status == 404)
    #expect(try stage.answer(try stage.get("/_tickertape/http")).body == stage.open(streams: 0, invocations: 0))
    let client = try stage.get("/api/x")
    let runtime = try stage.runtime()
    try runtime.next()
    client.close()
    try stage.stop()
  }

  /// What is sent, and the status that answers it.
  @Test(
    "requests that are none, or too much, are refused before any function sees them",
    arguments: [
      ("BREW /a HTTP/1.1\r\nHost: HOST\r\n\r\n", 405),
      ("CONNECT /a HTTP/1.1\r\nHost: HOST\r\n\r\n", 405),
      ("GET /a HTTP/1.1\r\nHost: HOST\r\nCookie: \(String(repeating: "c", count: 16 << 10))\r\n\r\n", 431),
      ("GET /a HTTP/1.1\r\nHost: HOST\r\nCookie: \(String(repeating: "c", count: 40 << 10))\r\n\r\n", 431),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: +5\r\n\r\nabcde", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n", 400),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", 400),
      ("GET /a HTTP/1.1\nHost: HOST\n\n", 400),
      ("GET /a\u{0}b HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
      ("GET /a HTTP/1.1\r\nHost: HOST\r\nHost: other\r\n\r\n", 400),
      ("GET /a HTTP/2.0\r\nHost: HOST\r\n\r\n", 505),
      ("POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 9000000\r\n\r\n", 413),
      ("GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
      ("GET /a HTTP/1.1\r\nHost: HOST\r\nOrigin: https://evil.example\r\n\r\n", 403),
    ])
  func refused(request: String, status: Int) throws {
    let stage = try HTTPFunctionStage()
    #expect(try stage.answer(try stage.client(request)).status == status)
    #expect(stage.addresses.isEmpty && stage.http.report == stage.open(streams: 0, invocations: 0))
    try stage.stop()
  }

  @Test("a body of GET, and one of six megabytes, reach the function or are refused, and nothing between")
  func bodies() throws {
    let stage = try HTTPFunctionStage()
    let client = try stage.client("GET /a HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc")
    let runtime = try stage.runtime()
    try runtime.next()
    #expect(try HTTPEvent(decoding: Array(runtime.event.utf8)).body == Array("abc".utf8))
    client.close()
    let large = try stage.client(
      "POST /a HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\nContent-Length: \(6 << 20)\r\n\r\n"
        + String(repeating: "x", count: 6 << 20))
    #expect(try stage.answer(large).status == 413)
    try stage.stop()
  }
}
