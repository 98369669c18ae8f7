import HTTPWire
import TestSupport
import Testing

/// Messages that are read, each also cut in two at every place and byte by byte.
@Suite("HTTP messages")
struct HTTPMessageTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let input: String
    var method = ""
    var target = ""
    var status = 0
    var headers: [String] = []
    var body = ""
    var trailers: [String] = []
    var keepsAlive = true

    init(_ name: String, request input: String, _ method: String, _ target: String) {
      (testDescription, self.input, self.method, self.target) = (name, input, method, target)
    }

    init(_ name: String, response input: String, _ status: Int) {
      (testDescription, self.input, self.status) = (name, input, status)
    }

    func with(_ change: (inout Sample) -> Void) -> Sample {
      var changed = self
      change(&changed)
      return changed
    }
  }

  private static let requests: [Sample] = [
    Sample("no headers", request: "GET / HTTP/1.1\r\n\r\n", "GET", "/"),
    Sample("a body", request: "POST /a?b=%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST", "/a?b=%20")
      .with { ($0.headers, $0.body) = (["Host:x", "Content-Length:5"], "hello") },
    Sample("empty lines before", request: "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "GET", "/"),
    Sample("an empty body", request: "PUT / HTTP/1.1\r\ncontent-length: 0\r\n\r\n", "PUT", "/")
      .with { $0.headers = ["content-length:0"] },
    Sample("one length twice", request: "PUT / HTTP/1.1\r\nContent-Length: 1\r\nCONTENT-LENGTH: 1\r\n\r\nx", "PUT", "/")
      .with { ($0.headers, $0.body) = (["Content-Length:1", "CONTENT-LENGTH:1"], "x") },
    Sample("blanks around values", request: "GET * HTTP/1.1\r\na: \t b c \t\r\nb:\r\nc:   \r\n\r\n", "GET", "*")
      .with { $0.headers = ["a:b c", "b:", "c:"] },
    Sample("bytes beyond ASCII in a value", request: "GET / HTTP/1.1\r\na: é\r\n\r\n", "GET", "/")
      .with { $0.headers = ["a:é"] },
    Sample(
      "chunks",
      request: "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n",
      "POST", "/"
    ).with { ($0.headers, $0.body) = (["Transfer-Encoding:Chunked"], "abc0123456789") },
    Sample(
      "chunk extensions and trailers",
      request:
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c=\"d\"\r\nabc\r\n1 ;x\r\nd\r\n0;z\r\nT: 1\r\nU: 2\r\n\r\n",
      "POST", "/"
    ).with { ($0.headers, $0.body, $0.trailers) = (["Transfer-Encoding:chunked"], "abcd", ["T:1", "U:2"]) },
    Sample("HTTP/1.0 closes", request: "GET / HTTP/1.0\r\n\r\n", "GET", "/").with { $0.keepsAlive = false },
    Sample("HTTP/1.0 kept alive", request: "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/")
      .with { $0.headers = ["Connection:Keep-Alive"] },
    Sample("close in a list", request: "GET / HTTP/1.1\r\nConnection: upgrade ,\tCLOSE\r\n\r\n", "GET", "/")
      .with { ($0.headers, $0.keepsAlive) = (["Connection:upgrade ,\tCLOSE"], false) },
    Sample(
      "close in the second field", request: "GET / HTTP/1.1\r\nConnection: a\r\nConnection: close\r\n\r\n", "GET", "/"
    )
    .with { ($0.headers, $0.keepsAlive) = (["Connection:a", "Connection:close"], false) },
  ]

  private static let responses: [Sample] = [
    Sample("a body", response: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200)
      .with { ($0.headers, $0.body) = (["Content-Length:2"], "ok") },
    Sample("no reason", response: "HTTP/1.1 202 \r\nContent-Length: 0\r\n\r\n", 202)
      .with { $0.headers = ["Content-Length:0"] },
    Sample("no reason and no space", response: "HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", 500)
      .with { $0.headers = ["Content-Length:0"] },
    Sample("an interim answer", response: "HTTP/1.1 100 Continue\r\n\r\n", 100),
    Sample("switching protocols", response: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101)
      .with { $0.headers = ["Upgrade:websocket"] },
    Sample("204 has no body", response: "HTTP/1.1 204 No Content\r\n\r\n", 204),
    Sample("304 has no body", response: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304)
      .with { $0.headers = ["Content-Length:9"] },
    Sample("HTTP/1.0 closes", response: "HTTP/1.0 410 Gone\r\nContent-Length: 0\r\n\r\n", 410)
      .with { ($0.headers, $0.keepsAlive) = (["Content-Length:0"], false) },
    Sample("a body until the connection ends", response: "HTTP/1.1 200 OK\r\n\r\nall of it\r\n\r\n", 200)
      .with { ($0.body, $0.keepsAlive) = ("all of it\r\n\r\n", false) },
    Sample("chunks", response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n", 200)
      .with { ($0.headers, $0.body) = (["Transfer-Encoding:chunked"], "\r\n") },
  ]

  private func check(_ sample: Sample, _ kind: HTTPReader.Kind) throws {
    let input = bytes(sample.input)
    let whole = HTTPOutcome(input, kind)
    let message = try #require(whole.messages.first)
    #expect(whole.error == nil && whole.messages.count == 1)
    #expect(message.method == sample.method && message.target == sample.target && message.status == sample.status)
    #expect(message.headers == sample.headers)
    #expect(text(message.body) == sample.body)
    #expect(message.trailers == sample.trailers)
    #expect(message.keepsAlive == sample.keepsAlive)
    for cut in 0...input.count { #expect(HTTPOutcome(input, kind, cuts: [cut]) == whole, "cut at \(cut)") }
    #expect(HTTPOutcome(input, kind, cuts: Array(input.indices)) == whole)
  }

  @Test("a request is read, wherever it is cut", arguments: requests)
  func request(sample: Sample) throws { try check(sample, .requests) }

  @Test("a response is read, wherever it is cut", arguments: responses)
  func response(sample: Sample) throws { try check(sample, .responses) }

  @Test("bytes after a message belong to the next one", arguments: [HTTPReader.Kind.requests, .responses])
  func pipelining(kind: HTTPReader.Kind) {
    // Without those that only the end of the connection ends.
    let samples = (kind == .requests ? Self.requests : Self.responses).filter {
      !$0.input.hasSuffix("all of it\r\n\r\n")
    }
    let input = bytes(samples.map(\.input).joined())
    let whole = HTTPOutcome(input, kind)
    #expect(whole.messages.map { text($0.body) } == samples.map(\.body))
    #expect(whole.error == nil)
    for cut in 0...input.count { #expect(HTTPOutcome(input, kind, cuts: [cut]) == whole, "cut at \(cut)") }
  }

  @Test("the connection may end between messages, not inside one")
  func truncated() {
    for sample in Self.requests {
      let input = bytes(sample.input)
      let start = input.firstIndex { $0 > 0x20 }! + 1
      for end in start..<input.count {
        let outcome = HTTPOutcome(Array(input[..<end]), .requests)
        #expect(
          outcome.error == HTTPWireError(.truncated) && outcome.messages.isEmpty, "\(sample.testDescription) \(end)")
      }
    }
  }
}
