import AWS
import HTTPClient
import Telemetry
import TestSupport
import Testing

@Suite struct SignedSessionTests {
  /// The next of its credentials each time the last ones are discarded.
  final class Succession: CredentialSource {
    private(set) var left: [Credentials]
    init(_ ids: [String]) { left = ids.map { Credentials(accessKeyID: $0, secretAccessKey: "secret") } }

    func credentials() throws(CredentialError) -> Credentials {
      guard let first = left.first else { throw CredentialError([.init(location: "the test", reason: "none left")]) }
      return first
    }
    func discard(_ credentials: Credentials) { left.removeAll { $0 == credentials } }
  }

  /// 2027-01-15T08:00:00Z
  let time = SettableClock(seconds: 1_800_000_000)

  func session(_ ids: [String] = ["AKID"]) throws -> SignedSession {
    try SignedSession(service: "dynamodb", region: "eu-west-1", source: Succession(ids), clock: time.clock)
  }

  func post(_ server: ScriptedServer) throws -> HTTPRequest {
    HTTPRequest(
      method: "POST", url: try HTTPURL(server.url + "/?a=b"),
      headers: [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "Ping"), ("User-Agent", "me")],
      body: bytes("{}"))
  }

  static func refusal(_ status: Int, date: String, _ body: String) -> ScriptedServer.Step {
    .text("HTTP/1.1 \(status) No\r\nDate: \(date)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  @Test func `a request bears the signature of what the server gets`() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    #expect(try session().send(post(server)).status == 200)
    let head = server.requests[0].head
    var signer = Signer(region: "eu-west-1", service: "dynamodb")
    let expected = signer.headers(
      signing: Signer.Request(
        method: "POST", target: "/?a=b",
        headers: [
          ("Host", "127.0.0.1:\(server.port)"), ("Content-Type", "application/x-amz-json-1.0"),
          ("X-Amz-Target", "Ping"),
        ], body: bytes("{}")),
      with: Credentials(accessKeyID: "AKID", secretAccessKey: "secret"),
      at: SigningMoment(secondsSinceEpoch: 1_800_000_000))
    for (name, value) in expected { #expect(head.contains("\(name): \(value)"), "\(head)") }
    #expect(head.contains("Host: 127.0.0.1:\(server.port)"))
  }

  @Test func `the service's clock is learned from a refused call, which is sent once more, and kept`() throws {
    let server = ScriptedServer { request in
      request.head.contains("X-Amz-Date: 20270115T0930") || request.head.contains("X-Amz-Date: 20270115T0931")
        ? [.answer(200)]
        : [
          Self.refusal(
            400, date: "Fri, 15 Jan 2027 09:30:00 GMT",
            #"{"__type":"InvalidSignatureException","message":"Signature expired: …"}"#)
        ]
    }
    defer { server.stop() }
    let session = try session()
    #expect(try session.send(post(server)).status == 200)
    #expect(server.requests.count == 2)
    time.advance(seconds: 60)
    #expect(try session.send(post(server)).status == 200)
    #expect(server.requests.count == 3)
  }

  @Test func `a refusal that is not the clock's is an answer`() throws {
    let server = ScriptedServer { _ in
      [Self.refusal(403, date: "Fri, 15 Jan 2027 09:30:00 GMT", #"{"__type":"SignatureDoesNotMatch"}"#)]
    }
    defer { server.stop() }
    #expect(try session().send(post(server)).status == 403)
    #expect(server.requests.count == 1)
  }

  @Test func `credentials that have ended are replaced, once`() throws {
    let server = ScriptedServer { request in
      request.head.contains("Credential=NEW/")
        ? [.answer(200)]
        : [Self.refusal(400, date: "", #"{"__type":"com.amazon.coral.service#ExpiredTokenException"}"#)]
    }
    defer { server.stop() }
    #expect(try session(["OLD", "NEW"]).send(post(server)).status == 200)
    #expect(try session(["OLD", "OLDER", "NEW"]).send(post(server)).status == 400)
    #expect(try session(["OLD"]).send(post(server)).status == 400)
    #expect(server.requests.count == 5)
  }

  @Test func `without credentials nothing is sent`() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let session = try session([])
    let request = try post(server)
    #expect(throws: AWSCallError.credentials(CredentialError([.init(location: "the test", reason: "none left")]))) {
      try session.send(request)
    }
    #expect(server.connectionCount == 0)
  }

  @Test func `of several requests at once those refused for the clock's sake are sent once more, each in its location`()
    throws
  {
    let server = ScriptedServer { request in
      let answer = "HTTP/1.1 200 OK\r\nX-Target: \(request.target)\r\nContent-Length: 0\r\n\r\n"
      return request.head.contains("X-Amz-Date: 20270115T0930")
        ? [.text(answer)] : [Self.refusal(400, date: "Fri, 15 Jan 2027 09:30:00 GMT", "Signature expired")]
    }
    defer { server.stop() }
    let requests = try (0..<4).map { HTTPRequest(url: try HTTPURL("\(server.url)/\($0)")) }
    let answers = try session().send(requests).map { try $0.get() }
    #expect(answers.map { $0.header("x-target") } == ["/0", "/1", "/2", "/3"])
    #expect(server.requests.count == 8)
  }
}
