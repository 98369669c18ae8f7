import Glibc
import HTTPClient
import Synchronization
import TestSupport
import Testing

@Suite("A request over libcurl", .timeLimit(.minutes(10)))
struct HTTPSessionTests {
  @Test("sends method, headers and body, and reads status, headers and body")
  func roundTrip() throws {
    let server = ScriptedServer { _ in [.text("HTTP/1.1 201 Made\r\nX-One:  a b \r\nContent-Length: 2\r\n\r\nok")] }
    defer { server.stop() }
    let session = try HTTPSession()
    let answer = try session.send(
      HTTPRequest(
        method: "PUT", url: HTTPURL(server.url + "/a%3D?q=1"), headers: [("X-Two", "zwei"), ("X-Empty", "")],
        body: bytes("body")))
    #expect(answer.status == 201)
    #expect(answer.header("x-one") == "a b")
    #expect(answer.header("absent") == nil)
    #expect(text(answer.body) == "ok")
    let request = try #require(server.requests.first)
    #expect(request.method == "PUT")
    #expect(request.target == "/a%3D?q=1")
    #expect(text(request.body) == "body")
    #expect(request.head.contains("X-Two: zwei"))
    #expect(request.head.contains("X-Empty:"))
    #expect(!request.head.lowercased().contains("expect"))
    #expect(!request.head.lowercased().contains("content-type"))
  }

  @Test("a request that is to be sent once goes over a connection of its own, so that libcurl cannot send it again")
  func sentOnce() throws {
    let server = ScriptedServer { $0.number == 1 ? [.answer(200)] : [.close] }
    defer { server.stop() }
    let session = try HTTPSession()
    let request = try HTTPRequest(method: "POST", url: HTTPURL(server.url), body: bytes("a"), isSentOnce: true)
    _ = try session.send(request)
    #expect(throws: HTTPClientError.self) { _ = try session.send(request) }
    #expect(server.requests.count == 2 && server.connectionCount == 2)
  }

  @Test("after the interruption an answer is waited for a little, and then no longer")
  func interrupted() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    #expect(write(ends[1], "x", 1) == 1)
    let session = try HTTPSession(signalDescriptor: ends[0])
    #expect {
      _ = try session.send(HTTPRequest(url: HTTPURL(server.url)))
    } throws: { error in
      (error as? HTTPClientError)?.message == "the signal to stop came before the answer"
    }
  }

  @Test("keeps the connection, and forgets the last request's method and body")
  func keepsConnection() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let session = try HTTPSession()
    _ = try session.send(HTTPRequest(method: "POST", url: HTTPURL(server.url), body: []))
    _ = try session.send(HTTPRequest(url: HTTPURL(server.url)))
    _ = try session.send(HTTPRequest(method: "HEAD", url: HTTPURL(server.url)))
    _ = try session.send(HTTPRequest(method: "DELETE", url: HTTPURL(server.url)))
    #expect(server.requests.map(\.method) == ["POST", "GET", "HEAD", "DELETE"])
    #expect(server.requests.map(\.body) == [[], [], [], []])
    #expect(server.connectionCount == 1)
  }

  @Test("several requests at once are each answered in their place, over connections that are kept")
  func several() throws {
    // Nobody is answered before all have asked: one after another they would wait for ever.
    let asked = Gathering(5)
    let server = ScriptedServer { request in
      asked.arrive()
      return [.answer(request.target == "/2" ? 500 : 200, headers: "X-Target: \(request.target)\r\n")]
    }
    defer { server.stop() }
    let session = try HTTPSession()
    let urls = try (0..<5).map { try HTTPURL("\(server.url)/\($0)") }
    for _ in 0..<2 {
      let answers = try session.send(urls.map { HTTPRequest(url: $0) }).map { try $0.get() }
      #expect(answers.map { $0.header("x-target") } == ["/0", "/1", "/2", "/3", "/4"])
      #expect(answers.map(\.status) == [200, 200, 500, 200, 200])
    }
    #expect(server.connectionCount == 5)
  }

  @Test("of several requests those that fail say why, and the others are answered")
  func severalWithFailures() throws {
    let server = ScriptedServer { $0.target == "/broken" ? [.close] : [.answer(200)] }
    defer { server.stop() }
    let outcomes = try HTTPSession().send([
      HTTPRequest(url: HTTPURL(server.url + "/")), HTTPRequest(method: "nonsense", url: HTTPURL(server.url)),
      HTTPRequest(url: HTTPURL(server.url + "/broken")), HTTPRequest(url: HTTPURL(server.url + "/")),
    ])
    let kinds = outcomes.map { outcome -> String in
      switch outcome {
      case .success(let answer): "\(answer.status)"
      case .failure(let error): "\(error.kind)"
      }
    }
    #expect(kinds == ["200", "invalidRequest", "closed", "200"])
  }

  @Test("does not follow a redirect")
  func redirect() throws {
    let server = ScriptedServer { _ in [.answer(302, headers: "Location: /elsewhere\r\n")] }
    defer { server.stop() }
    let answer = try HTTPSession().send(HTTPRequest(url: HTTPURL(server.url)))
    #expect(answer.status == 302)
    #expect(server.requests.count == 1)
  }

  @Test("an answer larger than allowed is refused")
  func tooLarge() throws {
    let server = ScriptedServer { _ in [.text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789")] }
    defer { server.stop() }
    let error = try #require(throws: HTTPClientError.self) {
      try HTTPSession().send(HTTPRequest(url: HTTPURL(server.url), maximumBodyBytes: 8))
    }
    #expect(error.kind == .answerTooLarge)
  }

  @Test("a server that closes inside its answer is an error that names what was tried and where, not the query")
  func closedEarly() throws {
    let server = ScriptedServer { _ in [.text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"), .close] }
    defer { server.stop() }
    let error = try #require(throws: HTTPClientError.self) {
      try HTTPSession().send(HTTPRequest(url: HTTPURL(server.url + "/?token=secret")))
    }
    #expect(error.kind == .closed)
    #expect(error.description.hasPrefix("GET http://127.0.0.1:\(server.port): "))
    #expect(!error.description.contains("secret"))
  }

  @Test("silence ends at the timeout")
  func timesOut() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    let error = try #require(throws: HTTPClientError.self) {
      try HTTPSession().send(HTTPRequest(url: HTTPURL(server.url), totalMilliseconds: 50))
    }
    #expect(error.kind == .timedOut)
  }

  @Test("a port where nobody listens is not connected")
  func refused() throws {
    let server = ScriptedServer { _ in [] }
    server.stop()
    let error = try #require(throws: HTTPClientError.self) {
      try HTTPSession().send(HTTPRequest(url: HTTPURL(server.url)))
    }
    #expect(error.kind == .notConnected)
    #expect(error.code == 7)
  }

  @Test("a line break in a header is refused before anything is sent")
  func headerInjection() throws {
    let error = try #require(throws: HTTPClientError.self) {
      try HTTPSession().send(HTTPRequest(url: HTTPURL("http://127.0.0.1:1/"), headers: [("X", "a\r\nY: b")]))
    }
    #expect(error.kind == .invalidRequest)
  }
}

@Suite("A URL")
struct HTTPURLTests {
  @Test(
    "is taken apart",
    arguments: [
      ("ws://127.0.0.1:8000/dev?userId=u-1", "http://127.0.0.1:8000", "127.0.0.1:8000", "/dev?userId=u-1"),
      ("wss://Example.com", "https://Example.com:443", "Example.com", "/"),
      ("https://h/a/b/#part", "https://h:443", "h", "/a/b/"),
      ("http://[::1]:81?q", "http://[::1]:81", "[::1]:81", "/?q"),
    ])
  func parts(url: String, origin: String, authority: String, target: String) throws {
    let url = try HTTPURL(url)
    #expect(url.origin == origin)
    #expect(url.authority == authority)
    #expect(url.target == target)
  }

  @Test("has a path to append to, without its slash and query")
  func basePath() throws {
    #expect(try HTTPURL("http://h/dev/?x").basePath == "/dev")
    #expect(try HTTPURL("http://h/").basePath == "")
  }

  @Test(
    "is refused when it is none, or says more than it should",
    arguments: [
      "", "h", "ftp://h", "http://", "http://h:0", "http://h:99999", "http://u:p@h", "http://h/ x", "http://h:/",
    ])
  func refused(url: String) {
    #expect(throws: HTTPClientError.self) { try HTTPURL(url) }
  }
}

/// Holds each who arrives until so many have; those who come later pass.
private final class Gathering: Sendable {
  private let count: Int
  private let arrived = Mutex(0)
  private let ends: (reading: Int32, writing: Int32)

  init(_ count: Int) {
    self.count = count
    var descriptors: [Int32] = [-1, -1]
    pipe(&descriptors)
    ends = (descriptors[0], descriptors[1])
  }

  deinit {
    close(ends.reading)
    close(ends.writing)
  }

  /// Everybody takes a byte out of the pipe; the last of them puts one in for each.
  func arrive() {
    let present = arrived.withLock {
      $0 += 1
      return $0
    }
    var bytes = [UInt8](repeating: 0, count: present == count ? count : present > count ? 1 : 0)
    if !bytes.isEmpty { _ = write(ends.writing, bytes, bytes.count) }
    bytes = [0]
    _ = read(ends.reading, &bytes, 1)
  }
}
