import HTTPWire
import TestSupport
import Testing

@Suite("HTTP refusals")
struct HTTPRefusalTests {
  /// Refused alike whole, cut anywhere, and byte by byte.
  private func check(_ input: String, _ kind: HTTPReader.Kind, _ code: HTTPWireError.Code) {
    let input = bytes(input)
    let whole = HTTPOutcome(input, kind)
    #expect(whole.error == HTTPWireError(code))
    for cut in 0...input.count { #expect(HTTPOutcome(input, kind, cuts: [cut]) == whole, "cut at \(cut)") }
    #expect(HTTPOutcome(input, kind, cuts: Array(input.indices)) == whole)
  }

  @Test(
    "a start line that is none",
    arguments: [
      "GET /\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", " GET / HTTP/1.1\r\n\r\n",
      "GET / x HTTP/1.1\r\n\r\n",
      "GET / http/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "/ HTTP/1.1\r\n\r\n", "GET /\u{1} HTTP/1.1\r\n\r\n",
      "GET /é HTTP/1.1\r\n\r\n",
      "GET\t/ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\r\n\r\n", "GET / HTTP\r\n\r\n", "GET \r\n\r\n", "GET\r\n\r\n",
      "GET / \r\n\r\n",
      "GET / HTTP/1.1\r\r\n\r\n",
    ])
  func requestLine(input: String) {
    let outcome = HTTPOutcome(bytes(input), .requests)
    #expect(outcome.messages.isEmpty)
    #expect([HTTPWireError(.malformedStartLine), HTTPWireError(.unsupportedVersion)].contains(outcome.error))
  }

  @Test(
    "a status line that is none",
    arguments: [
      "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1  200\r\n\r\n",
      "HTTP/1.1 20x\r\n\r\n",
      "HTTP/1.1-200 OK\r\n\r\n", "200 OK HTTP/1.1\r\n\r\n", "HTTP/1.1 200 a\rb\r\n\r\n", "HTTP/1.1 200 a\0b\r\n\r\n",
      "HTTP/1.1 200 OK\n\r\n\r\n",
    ])
  func statusLine(input: String) { check(input, .responses, .malformedStartLine) }

  @Test("versions other than 1.1 and 1.0", arguments: ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/1.10", "HTTP/11"])
  func version(text: String) { check("GET / \(text)\r\n\r\n", .requests, .unsupportedVersion) }

  @Test(
    "a header that is none",
    arguments: [
      "Host : x", "Host", ": x", " folded: x", "a: b\r\n folded", "a: b\r\n\tfolded", "a: b\rc: d", "a: \0",
      "a: b\u{7F}",
      "a b: c", "é: x", "a: b\n", "a: b\nc: d", "a: b\r\r", "\r", "\rx: y", "a\r: b", "(a): b",
    ])
  func header(line: String) {
    check("GET / HTTP/1.1\r\n\(line)\r\n\r\n", .requests, .malformedHeader)
  }

  @Test("a bare line feed is refused as soon as it comes: nobody waits for more")
  func bareLineFeedAtOnce() {
    check("GET / HTTP/1.1\n", .requests, .malformedStartLine)
    check("GET / HTTP/1.1\r\na: b\n", .requests, .malformedHeader)
  }

  @Test(
    "a body of unclear length",
    arguments: [
      "Content-Length: 1\r\nContent-Length: 2", "Content-Length: 1, 1", "Content-Length: +1", "Content-Length: -1",
      "Content-Length:", "Content-Length: 0x1", "Content-Length: 1 1", "Content-Length: 1000000000000000000",
      "Content-Length: 1\r\nContent-Length: 01", "Content-Length: 1\r\nTransfer-Encoding: chunked",
      "Transfer-Encoding: chunked\r\nContent-Length: 1", "Transfer-Encoding: identity\r\nContent-Length: 1",
    ])
  func length(lines: String) {
    check("POST / HTTP/1.1\r\n\(lines)\r\n\r\nx", .requests, .ambiguousLength)
    check("HTTP/1.1 200 OK\r\n\(lines)\r\n\r\nx", .responses, .ambiguousLength)
  }

  @Test(
    "transfer encodings that are not chunked alone",
    arguments: [
      "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity", "Transfer-Encoding:",
      "Transfer-Encoding: xchunked",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked;q=1",
    ])
  func encoding(lines: String) {
    check("POST / HTTP/1.1\r\n\(lines)\r\n\r\n0\r\n\r\n", .requests, .unsupportedTransferEncoding)
  }

  @Test("chunks in HTTP/1.0")
  func chunksInHTTP10() {
    check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", .requests, .unsupportedTransferEncoding)
  }

  @Test(
    "chunks that are none",
    arguments: [
      "x\r\n", "\r\n", "-1\r\n", "0x1\r\n", " 1\r\na\r\n", "1\na\r\n", "1 x\r\n", "1;a\rb\r\n", "1;a\0\r\n",
      "1\r\nab\r\n", "1\r\na\n",
      "1\r\na\rb", "0000000000001\r\n", "FFFFFFFFFFFFFFFFF\r\n", "1\r\r\n",
    ])
  func chunk(lines: String) {
    check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\(lines)", .requests, .malformedChunk)
  }

  @Test("a chunk line without end")
  func endlessChunkLine() {
    let line = "1;" + String(repeating: "a", count: 5000)
    check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\(line)", .requests, .malformedChunk)
  }

  @Test("trailers follow the rules of headers", arguments: ["T : 1", " T: 1", "T: 1\n", "T: 1\rx"])
  func trailer(line: String) {
    check(
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(line)\r\n\r\n", .requests, .malformedHeader)
  }

  @Test("a head larger than the limit, with and without an end")
  func headLimit() {
    let limit = HTTPOutcome.limits.headBytes
    let line = "GET / HTTP/1.1\r\na: "
    func head(_ count: Int) -> String { line + String(repeating: "x", count: count - line.utf8.count - 4) + "\r\n\r\n" }
    #expect(HTTPOutcome(bytes(head(limit)), .requests).messages.count == 1)
    check(head(limit + 1), .requests, .headTooLarge(maximumBytes: limit))
    check(String(repeating: "x", count: limit + 1), .requests, .headTooLarge(maximumBytes: limit))
    check(
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: " + String(repeating: "x", count: limit), .requests,
      .headTooLarge(maximumBytes: limit))
  }

  @Test("a body larger than the limit: announced, in chunks, or until the end")
  func bodyLimit() {
    let limit = HTTPOutcome.limits.bodyBytes
    let body = String(repeating: "x", count: limit)
    let tooLarge = HTTPWireError.Code.bodyTooLarge(maximumBytes: limit)
    #expect(HTTPOutcome(bytes("PUT / HTTP/1.1\r\nContent-Length: \(limit)\r\n\r\n\(body)"), .requests).error == nil)
    #expect(HTTPOutcome(bytes("HTTP/1.1 200 OK\r\n\r\n\(body)"), .responses).error == nil)
    check("PUT / HTTP/1.1\r\nContent-Length: \(limit + 1)\r\n\r\n", .requests, tooLarge)
    check("PUT / HTTP/1.1\r\nContent-Length: 999999999999999999\r\n\r\n", .requests, tooLarge)
    check(
      "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n\(String(limit, radix: 16))\r\n", .requests,
      tooLarge)
    check("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n", .requests, tooLarge)
    #expect(HTTPOutcome(bytes("HTTP/1.1 200 OK\r\n\r\n\(body)y"), .responses).error == HTTPWireError(tooLarge))
  }
}
