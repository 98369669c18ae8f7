import HTTPWire
import TestSupport
import Testing

@Suite("HTTP reader")
struct HTTPReaderTests {
  private func consume(_ text: String, _ reader: inout HTTPReader) throws(HTTPWireError) -> Int {
    try reader.consume(bytes(text))
  }

  @Test("it says how far it is")
  func progress() throws {
    var reader = HTTPReader(.requests)
    #expect(reader.isAtStart && !reader.hasHead && !reader.isComplete)
    #expect(try consume("\r\n", &reader) == 2)
    #expect(reader.isAtStart)
    _ = try consume("POST /a HTTP/1.1\r\nContent-Len", &reader)
    #expect(!reader.isAtStart && !reader.hasHead)
    #expect(reader.method.isEmpty && reader.target.isEmpty && reader.headers.count == 0)
    _ = try consume("gth: 3\r\n\r\nab", &reader)
    #expect(reader.hasHead && !reader.isComplete)
    #expect(reader.method == "POST" && reader.target == "/a" && text(reader.targetBytes) == "/a")
    #expect(try consume("cGET", &reader) == 1)
    #expect(reader.isComplete && reader.body == bytes("abc"))
    #expect(try consume("GET", &reader) == 0)
  }

  @Test("after a reset nothing of the last message is left")
  func reset() throws {
    var reader = HTTPReader(.requests)
    _ = try consume(
      "POST /a HTTP/1.0\r\nX: y\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc", &reader)
    reader.reset()
    #expect(reader.isAtStart && reader.method.isEmpty && reader.target.isEmpty)
    #expect(reader.headers.count == 0 && reader.body.isEmpty && reader.trailers.count == 0)
    _ = try consume("GET /b HTTP/1.1\r\n\r\n", &reader)
    #expect(reader.isComplete && reader.keepsAlive && reader.target == "/b" && reader.body.isEmpty)
    #expect(reader.headers["x"] == nil)
  }

  @Test("a reset inside a message forgets it")
  func resetInside() throws {
    for start in [
      "GET /a HT", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5",
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: 1",
    ] {
      var reader = HTTPReader(.requests)
      _ = try consume(start, &reader)
      reader.reset()
      _ = try consume("PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", &reader)
      #expect(reader.isComplete && reader.target == "/b" && reader.body == bytes("x") && reader.trailers.count == 0)
    }
  }

  @Test("headers that a caller kept outlive the reset and the next message")
  func keptHeaders() throws {
    var reader = HTTPReader(.requests)
    _ = try consume("GET /a HTTP/1.1\r\nName: first\r\n\r\n", &reader)
    let kept = reader.headers
    reader.reset()
    _ = try consume("GET /b HTTP/1.1\r\nName: second\r\n\r\n", &reader)
    #expect(kept["name"] == "first" && reader.headers["name"] == "second")
  }

  @Test("an answer to HEAD ends with its head, and only that one")
  func answerToHead() throws {
    var reader = HTTPReader(.responses)
    reader.expectsNoBody = true
    _ = try consume("HTTP/1.1 100 Continue\r\n\r\n", &reader)
    reader.reset()
    _ = try consume("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", &reader)
    #expect(reader.isComplete && reader.body.isEmpty)
    reader.reset()
    #expect(try consume("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &reader) == 40)
    #expect(reader.isComplete && reader.body == bytes("ok"))
  }

  @Test("a body that the end of the connection ended leaves no connection for another message")
  func untilClose() throws {
    var reader = HTTPReader(.responses)
    _ = try consume("HTTP/1.1 200 OK\r\n\r\nabc", &reader)
    #expect(!reader.isComplete && !reader.keepsAlive)
    try reader.finish()
    #expect(reader.isComplete && !reader.keepsAlive && reader.body == bytes("abc"))
  }

  @Test("the body can be taken piece by piece while it comes")
  func consumeBody() throws {
    var reader = HTTPReader(.responses, limits: .init(bodyBytes: 4))
    _ = try consume("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n", &reader)
    #expect(reader.consumeBody() == bytes("abcd"))
    #expect(reader.body.isEmpty)
    _ = try consume("4\r\nefgh\r\n0\r\n\r\n", &reader)
    #expect(reader.isComplete && reader.consumeBody() == bytes("efgh"))
  }

  @Test("headers are found by name in any case, in their order")
  func headers() throws {
    var reader = HTTPReader(.requests)
    _ = try consume(
      "GET / HTTP/1.1\r\nVia: a\r\nUpgrade: WebSocket\r\nVIA: b\r\nConnection: keep-alive, Upgrade\r\n\r\n", &reader)
    let headers = reader.headers
    #expect(headers.count == 4)
    #expect(
      headers["via"] == "a" && headers.values("vIa") == ["a", "b"] && headers["vi"] == nil && headers["viaa"] == nil)
    #expect(headers.bytes("upgrade").map { text($0) } == "WebSocket" && headers.bytes("none") == nil)
    #expect(headers.all.map(\.name) == ["Via", "Upgrade", "VIA", "Connection"])
    #expect(headers.contains("upgrade", token: "websocket") && headers.contains("via", token: "B"))
    #expect(headers.contains("connection", token: "upgrade") && !headers.contains("connection", token: "keep"))
    #expect(!headers.contains("none", token: "") && !headers.contains("via", token: ""))
  }

  @Test("errors are said in words")
  func descriptions() {
    #expect(HTTPWireError(.headTooLarge(maximumBytes: 9)).description == "HTTP head larger than 9 bytes")
    #expect(HTTPWireError(.truncated).description == "the connection ended inside an HTTP message")
  }
}
