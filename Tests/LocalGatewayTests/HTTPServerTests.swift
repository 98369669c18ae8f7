import HTTPWire
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("The loopback HTTP server", .timeLimit(.minutes(10)))
struct HTTPServerTests {
  /// Answers `/echo` at once with the body, keeps what goes to `/later`, leaves the rest.
  final class Answers: HTTPRequestHandler {
    var waiting: [HTTPResponder] = []
    var seen: [HTTPRequest] = []
    var gone = 0
    var noticesGone = false

    func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
      seen.append(request)
      switch request.path {
      case "/echo": responder.respond(status: 200, headers: [("X-Kind", "echo")], body: request.body)
      case "/later":
        waiting.append(responder)
        if noticesGone { responder.onClientGone { self.gone += 1 } }
      case "/large": responder.respond(status: 200, body: [UInt8](repeating: 0x78, count: 5 << 20))
      default: return false
      }
      return true
    }
  }

  let test: TestLoop
  let answers = Answers()

  init() throws { test = try TestLoop() }

  func server(
    limits: HTTPServerLimits = HTTPServerLimits(), origins: Set<String> = [], log: Log? = nil
  ) throws -> HTTPServer {
    let server = try HTTPServer(port: 0, loop: test.loop, limits: limits, allowedOrigins: origins, log: log)
    server.add(answers)
    return server
  }

  @Test("a connection carries request after request")
  func keepAlive() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    for number in 0..<3 {
      let answer = try client.request("POST", "/echo?n=\(number)", body: bytes("body \(number)"))
      #expect(answer.status == 200)
      #expect(text(answer.body) == "body \(number)")
      #expect(answer.headers["x-kind"] == "echo")
    }
    #expect(try client.request("GET", "/nowhere").status == 404)
    #expect(answers.seen.map(\.target) == ["/echo?n=0", "/echo?n=1", "/echo?n=2", "/nowhere"])
  }

  @Test("a request that comes a byte at a time is one request")
  func slowBytes() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    for byte in bytes("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi") {
      client.client.send([byte])
      test.loop.turn(waitingAtMostMilliseconds: 1)
    }
    #expect(text(try client.answer().body) == "hi")
  }

  @Test("pipelined requests are answered in order, also when the first answer comes late")
  func pipelining() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.send("GET", "/later")
    client.send("POST", "/echo", body: bytes("two"))
    client.send("POST", "/echo", body: bytes("three"))
    try test.wait { answers.waiting.count == 1 }
    test.settle()
    #expect(client.client.received.isEmpty)
    answers.waiting[0].respond(status: 200, body: bytes("one"))
    // Once only.
    answers.waiting[0].respond(status: 500)
    #expect(text(try client.answer().body) == "one")
    #expect(text(try client.answer().body) == "two")
    #expect(text(try client.answer().body) == "three")
  }

  @Test("other connections are served while one waits for its answer")
  func independence() throws {
    let server = try server()
    defer { server.close() }
    let slow = try HTTPTestClient(port: server.port, test: test)
    let quick = try HTTPTestClient(port: server.port, test: test)
    slow.send("GET", "/later")
    try test.wait { answers.waiting.count == 1 }
    #expect(try quick.request("POST", "/echo", body: bytes("x")).status == 200)
    answers.waiting[0].respond(status: 204)
    let answer = try slow.answer()
    #expect(answer.status == 204)
    #expect(answer.headers["content-length"] == nil)
  }

  @Test("an answer larger than the socket takes arrives whole, whatever was pipelined behind it")
  func largeAnswer() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.client.reads = false
    client.send("GET", "/large")
    client.send("POST", "/echo", body: bytes("behind"))
    test.settle()
    client.client.reads = true
    #expect(try client.answer().body.count == 5 << 20)
    #expect(text(try client.answer().body) == "behind")
  }

  @Test("a bad request is answered with its status and the connection ended", arguments: badRequests)
  func bad(_ bad: BadRequest) throws {
    var limits = HTTPServerLimits()
    limits.reader = HTTPReader.Limits(headBytes: 1000, bodyBytes: 1000)
    let server = try server(limits: limits)
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.client.send(bad.request)
    #expect(try client.answer().status == bad.status)
    try test.wait { client.client.hasEnded }
    #expect(answers.seen.isEmpty)
  }

  @Test("half a request and silence is answered 408, an idle connection is closed")
  func impatience() throws {
    var limits = HTTPServerLimits()
    limits.requestMilliseconds = 40
    limits.idleMilliseconds = 80
    let server = try server(limits: limits)
    defer { server.close() }
    let half = try HTTPTestClient(port: server.port, test: test)
    half.client.send("POST /echo HTTP/1.1\r\nHost: loc")
    #expect(try half.answer().status == 408)
    let idle = try HTTPTestClient(port: server.port, test: test)
    #expect(try idle.request("POST", "/echo", body: []).status == 200)
    try test.wait { idle.client.hasEnded }
  }

  @Test("a client that closes while it waits is noticed where that is asked for")
  func clientGone() throws {
    let server = try server()
    defer { server.close() }
    answers.noticesGone = true
    let client = try HTTPTestClient(port: server.port, test: test)
    client.send("GET", "/later")
    try test.wait { answers.waiting.count == 1 }
    client.client.close()
    try test.wait { answers.gone == 1 }
    #expect(!answers.waiting[0].isOpen)
    answers.waiting[0].respond(status: 200)
    #expect(answers.waiting[0].upgrade(headers: []) == nil)
  }

  @Test("a client that closes only its sending half gets its answer")
  func halfClose() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.send("GET", "/later")
    try test.wait { answers.waiting.count == 1 }
    client.client.finishWriting()
    test.settle()
    answers.waiting[0].respond(status: 200, body: bytes("still"))
    #expect(text(try client.answer().body) == "still")
    try test.wait { client.client.hasEnded }
  }

  @Test("a connection that is not to be kept is ended after its answer")
  func connectionClose() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.send("POST", "/echo", headers: ["Connection: close"], body: bytes("x"))
    client.send("POST", "/echo", body: bytes("not read any more"))
    let answer = try client.answer()
    #expect(answer.headers["connection"] == "close")
    try test.wait { client.client.hasEnded }
    #expect(answers.seen.count == 1)
  }

  @Test("a client that waits to be told to continue is told so")
  func continues() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    #expect(try client.answer().status == 100)
    client.client.send("hi")
    #expect(text(try client.answer().body) == "hi")
  }

  @Test("the answer to HEAD has a length and no body")
  func head() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    client.send("HEAD", "/large")
    try test.wait { client.client.received.count > 4 && text(client.client.received).hasSuffix("\r\n\r\n") }
    #expect(text(client.takeRest()).contains("Content-Length: \(5 << 20)\r\n"))
  }

  @Test("only its own names are answered", arguments: ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:1"])
  func foreignHost(_ host: String) throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    #expect(try client.request("POST", "/echo", headers: ["Host: \(host)"], body: []).status == 403)
    #expect(answers.seen.isEmpty)
  }

  @Test("a target in absolute form is read as path and server, whatever Host says")
  func absoluteForm() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    for host in ["127.0.0.1:\(server.port)", "elsewhere.example"] {
      let own = try client.request(
        "POST", "http://localhost:\(server.port)/echo?a=1", headers: ["Host: \(host)"], body: bytes("x"))
      #expect(own.status == 200)
    }
    #expect(answers.seen.map(\.target) == ["/echo?a=1", "/echo?a=1"])
    #expect(answers.seen.map(\.authority) == ["localhost:\(server.port)", "localhost:\(server.port)"])
    #expect(try client.request("POST", "http://elsewhere.example/echo", body: []).status == 403)
    #expect(answers.seen.count == 2)
  }

  @Test("each of its own names is answered, with the port and without")
  func ownHosts() throws {
    let server = try server()
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    for name in ["127.0.0.1", "localhost", "[::1]", "LocalHost"] {
      for host in [name, "\(name):\(server.port)"] {
        #expect(try client.request("POST", "/echo", headers: ["Host: \(host)"], body: []).status == 200, "\(host)")
      }
    }
  }

  @Test("pages of other origins are refused, the gateway's own and allowed ones are not")
  func origins() throws {
    let server = try server(origins: ["http://localhost:3000"])
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    let own = "http://127.0.0.1:\(server.port)"
    for (origin, status) in [
      ("http://evil.example", 403), ("null", 403), ("http://localhost:3001", 403), ("http://localhost:3000", 200),
      (own, 200),
    ] {
      #expect(
        try client.request("POST", "/echo", headers: ["Origin: \(origin)"], body: []).status == status, "\(origin)")
    }
  }

  @Test("a port in use is said in words")
  func portInUse() throws {
    let server = try server()
    defer { server.close() }
    let error = #expect(throws: ListenError.self) { try HTTPServer(port: server.port, loop: test.loop) }
    #expect(error?.isPortInUse == true)
    #expect(error?.description.contains("port \(server.port) of 127.0.0.1 is in use") == true)
  }

  @Test("each request is one line at debug level, its query left out")
  func logLines() throws {
    let lines = Lines()
    let log = Log(minimum: .debug) { line in lines.append(line) }
    let server = try server(log: log)
    defer { server.close() }
    let client = try HTTPTestClient(port: server.port, test: test)
    #expect(try client.request("POST", "/echo?apiKey=secret", body: []).status == 200)
    #expect(lines.all.count == 1)
    #expect(lines.all[0].contains(#""method":"POST","path":"/echo","status":200"#))
    #expect(!lines.all[0].contains("secret"))
  }
}

/// Collects log lines.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  func append(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
}
