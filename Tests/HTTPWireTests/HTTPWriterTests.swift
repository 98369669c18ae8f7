import HTTPWire
import TestSupport
import Testing

@Suite("HTTP writer")
struct HTTPWriterTests {
  @Test("a request with and without a body")
  func request() {
    var written: [UInt8] = []
    HTTPWriter.append(request: "POST", target: "/a?b", headers: [("Host", "x")], body: bytes("hello"), to: &written)
    #expect(text(written) == "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    written = []
    HTTPWriter.append(request: "GET", target: "/", headers: [], body: nil, to: &written)
    #expect(text(written) == "GET / HTTP/1.1\r\n\r\n")
  }

  @Test("a response with an empty body, and one whose body follows in chunks")
  func response() {
    var written: [UInt8] = []
    HTTPWriter.append(response: 410, body: [], to: &written)
    #expect(text(written) == "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
    written = []
    HTTPWriter.append(response: 200, headers: [("Transfer-Encoding", "chunked")], body: nil, to: &written)
    HTTPWriter.append(chunk: bytes(String(repeating: "x", count: 26)), to: &written)
    HTTPWriter.append(chunk: [], to: &written)
    HTTPWriter.append(lastChunkWithTrailers: [("T", "1")], to: &written)
    let body = "1a\r\n" + String(repeating: "x", count: 26) + "\r\n0\r\nT: 1\r\n\r\n"
    #expect(text(written) == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
  }

  @Test("lengths are written in full", arguments: [0, 9, 10, 99, 100, 131_072, Int.max])
  func decimal(value: Int) {
    var written: [UInt8] = []
    HTTPWriter.append(decimal: value, to: &written)
    #expect(text(written) == "\(value)")
  }

  @Test("a value that would start another header is not safe")
  func safety() {
    #expect(HTTPWriter.isSafe(headerValue: "a b\té"))
    for value in ["a\r\nb: c", "a\n", "a\r", "\0", "\u{7F}", "\u{1B}"] {
      #expect(!HTTPWriter.isSafe(headerValue: value))
    }
  }

  @Test("a target that would end early or start another line is not safe, and never written")
  func targets() async {
    #expect(HTTPWriter.isSafe(target: "/dev?userId=u%201&x=~"))
    for target in ["", "/a b", "/a\r\nHost: b", "/\0", "/\t", "/é", "/\u{7F}"] {
      #expect(!HTTPWriter.isSafe(target: target))
    }
    await #expect(processExitsWith: .failure) {
      var written: [UInt8] = []
      HTTPWriter.append(request: "GET", target: "/a HTTP/1.1", headers: [], body: nil, to: &written)
    }
  }

  @Test(
    "what is written is read again as it was, in any pieces", arguments: [1, 2, 3, UInt64.random(in: .min ... .max)])
  func roundTrip(seed: UInt64) throws {
    var generator = HTTPGenerator(seed: seed)
    for _ in 0..<100 {
      let messages = (0..<Int.random(in: 1...4, using: &generator)).map { _ in generator.message() }
      let input = messages.flatMap(\.written)
      let outcome = HTTPOutcome(input, .requests, cuts: generator.cuts(input.count))
      #expect(outcome.error == nil, "seed \(seed)")
      #expect(outcome.messages.map(\.target) == messages.map(\.target), "seed \(seed)")
      #expect(outcome.messages.map(\.body) == messages.map(\.body), "seed \(seed)")
      #expect(outcome.messages.map(\.headers) == messages.map(\.readHeaders), "seed \(seed)")
    }
  }

  @Test("one changed byte never makes the pieces matter", arguments: [1, 2, UInt64.random(in: .min ... .max)])
  func mutations(seed: UInt64) {
    var generator = HTTPGenerator(seed: seed)
    for _ in 0..<150 {
      var input = generator.message().written + generator.message().written
      let marks: [UInt8] = [0x0A, 0x0D, 0x20, 0x3A, 0x3B, 0x30, 0x00, 0xC3, 0x2C]
      input[Int.random(in: 0..<input.count, using: &generator)] = marks.randomElement(using: &generator)!
      let violation = HTTPAgreement.violation(of: input, cuts: generator.cuts(input.count))
      #expect(violation == nil, "seed \(seed)")
    }
  }
}

/// Makes requests by chance; the same seed makes the same ones.
struct HTTPGenerator: RandomNumberGenerator {
  private var numbers: SeededGenerator

  init(seed: UInt64) { numbers = SeededGenerator(seed) }

  mutating func next() -> UInt64 { numbers.next() }

  struct Message {
    var target: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// The sizes of the chunks, or nil for a body with a length.
    var chunks: [Int]?

    var readHeaders: [String] {
      headers.map { "\($0.name):\($0.value)" }
        + [chunks == nil ? "Content-Length:\(body.count)" : "Transfer-Encoding:chunked"]
    }

    var written: [UInt8] {
      var bytes: [UInt8] = []
      guard let chunks else {
        HTTPWriter.append(request: "POST", target: target, headers: headers, body: body, to: &bytes)
        return bytes
      }
      HTTPWriter.append(
        request: "POST", target: target, headers: headers + [("Transfer-Encoding", "chunked")], body: nil, to: &bytes)
      var start = 0
      for count in chunks {
        HTTPWriter.append(chunk: Array(body[start..<start + count]), to: &bytes)
        start += count
      }
      HTTPWriter.append(lastChunkWithTrailers: [], to: &bytes)
      return bytes
    }
  }

  mutating func message() -> Message {
    let chunks = (0..<Int.random(in: 0...3, using: &self)).map { _ in Int.random(in: 0...40, using: &self) }
    let isChunked = Bool.random(using: &self)
    let count = isChunked ? chunks.reduce(0, +) : Int.random(in: 0...80, using: &self)
    return Message(
      target: "/\(next())", headers: (0..<Int.random(in: 0...4, using: &self)).map { ("X-\($0)", "\(next())") },
      body: (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }, chunks: isChunked ? chunks : nil)
  }

  /// Up to five places to cut `count` bytes at, in order.
  mutating func cuts(_ count: Int) -> [Int] {
    (0..<Int.random(in: 0...5, using: &self)).map { _ in Int.random(in: 0...count, using: &self) }.sorted()
  }
}
