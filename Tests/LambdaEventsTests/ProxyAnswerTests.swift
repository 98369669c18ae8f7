import LambdaEvents
import TestSupport
import Testing

@Suite("a proxy response")
struct ProxyResponseTests {
  @Test("has only what was given")
  func members() {
    #expect(text(ProxyResponse(200).encoded()) == #"{"statusCode":200}"#)
    let full = ProxyResponse(200, headers: [("Sec-WebSocket-Protocol", "bearer")], body: bytes(#"{"a":"b"}"#))
    #expect(
      text(full.encoded())
        == #"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"bearer"},"body":"{\"a\":\"b\"}"}"#)
  }

  @Test("of an error has a JSON body")
  func error() {
    #expect(
      text(ProxyResponse(403, error: "Forbidden", message: "no").body ?? [])
        == #"{"error":"Forbidden","message":"no","statusCode":403}"#)
  }
}

@Suite("What API Gateway reads of a function's answer")
struct ProxyAnswerTests {
  static let responses: [ProxyResponse] = [
    ProxyResponse(200), ProxyResponse(204, body: []), ProxyResponse(599, body: bytes("ü \u{0} \"\\\n")),
    ProxyResponse(200, headers: [("Sec-WebSocket-Protocol", "bearer")]),
    ProxyResponse(
      429, headers: [("X-Other", "1"), ("Retry-After", "60"), ("content-type", "text/plain")], body: bytes("no")),
    ProxyResponse(403, error: "Forbidden", message: "no"),
  ]

  @Test("is what a handler wrote", arguments: responses)
  func roundTrip(response: ProxyResponse) throws {
    let answer = try #require(ProxyAnswer(decoding: response.encoded()))
    func header(_ name: String) -> String? { response.headers.first { $0.name.lowercased() == name }?.value }
    #expect(answer.statusCode == response.statusCode)
    #expect(answer.body == response.body)
    #expect(answer.subprotocol == header("sec-websocket-protocol"))
    #expect(answer.contentType == header("content-type"))
    #expect(answer.retryAfter == header("retry-after"))
  }

  @Test("a status that is none is no answer", arguments: [0, 199, 600])
  func status(status: Int) {
    #expect(ProxyAnswer(decoding: ProxyResponse(status).encoded()) == nil)
  }

  @Test("what others write is read too: a status as text, base64, several values, of which the first counts")
  func others() throws {
    let document = #"""
      {"statusCode":"201","isBase64Encoded":true,"body":"YWI=","headers":{"Sec-WebSocket-Protocol":"a"},
       "multiValueHeaders":{"SEC-WEBSOCKET-PROTOCOL":["b","c"]},"more":[1]}
      """#
    let answer = try #require(ProxyAnswer(decoding: bytes(document)))
    #expect(answer.statusCode == 201 && answer.isSuccess)
    #expect(answer.body == bytes("ab"))
    #expect(answer.subprotocol == "b")
  }

  @Test("a header value that would end its line is left out")
  func unsafe() throws {
    let response = ProxyResponse(
      200, headers: [("Sec-WebSocket-Protocol", "a\r\nX: y"), ("Content-Type", "text/plain")])
    let answer = try #require(ProxyAnswer(decoding: response.encoded()))
    #expect(answer.subprotocol == nil)
    #expect(answer.contentType == "text/plain")
  }
}
