import AWS
import HTTPClient
import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("Signed calls of the management API", .timeLimit(.minutes(10)))
struct SignedCallTests {
  /// 2027-01-15T08:00:00Z.
  private let time = SettableClock(seconds: 1_800_000_000)
  private let id = ConnectionID("R0oXAdfD0kwCH6w=")!

  /// Gives its credentials one after the other: those that are discarded are followed by the next.
  private final class Succession: CredentialSource {
    private var left: [Credentials]
    private(set) var asked = 0

    init(_ ids: [String]) {
      left = ids.map { Credentials(accessKeyID: $0, secretAccessKey: "secret", sessionToken: "token") }
    }

    func credentials() throws(CredentialError) -> Credentials {
      asked += 1
      guard let first = left.first else { throw CredentialError([.init(location: "the test", reason: "none left")]) }
      return first
    }

    func discard(_ credentials: Credentials) { left.removeAll { $0 == credentials } }
  }

  private func client(_ server: ScriptedServer, _ source: any CredentialSource) throws -> ManagementClient {
    var options = ManagementClient.Options()
    options.width = 4
    options.callsPerConnection = 1
    return try ManagementClient(
      endpoint: server.url + "/prod",
      signedBy: SigningAuthority(
        service: "execute-api", region: "eu-west-1", source: source, clock: time.clock), options: options)
  }

  private static func refusal(
    _ type: String, date: String = "Fri, 15 Jan 2027 08:00:00 GMT", _ body: String = ""
  ) -> ScriptedServer.Step {
    .text(
      "HTTP/1.1 403 Forbidden\r\nDate: \(date)\r\nx-amzn-ErrorType: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    )
  }

  /// The outcomes of so many posts, started at once.
  private func post(_ count: Int, over client: ManagementClient) -> [String] {
    var outcomes: [String] = []
    var ended: [Completion] = []
    client.expect(calls: count)
    for token in 0..<count { client.start(Call(verb: .post(bytes("f\(token)")), id: id), token: token) }
    while outcomes.count < count {
      client.step(untilMilliseconds: .max, into: &ended)
      for completion in ended {
        switch completion.outcome {
        case .answered(let answer): outcomes.append(answer.explanation)
        case .failed(let error): outcomes.append("\(error.kind)")
        }
      }
    }
    return outcomes
  }

  @Test("every call bears the signature of its own method, path and body")
  func signatures() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let client = try client(server, Succession(["AKID"]))
    let calls = [
      Call(verb: .post(bytes("hello")), id: id), Call(verb: .get, id: id), Call(verb: .delete, id: id),
      Call(verb: .post([]), id: id),
    ]
    for call in calls { _ = try client.send(call) }
    var signer = Signer(region: "eu-west-1", service: "execute-api")
    for request in server.requests {
      #expect(request.target == "/prod/@connections/R0oXAdfD0kwCH6w%3D")
      let expected = signer.headers(
        signing: Signer.Request(
          method: request.method, target: request.target, headers: [("Host", "127.0.0.1:\(server.port)")],
          body: request.body),
        with: Credentials(accessKeyID: "AKID", secretAccessKey: "secret", sessionToken: "token"),
        at: SigningMoment(secondsSinceEpoch: time.seconds))
      for (name, value) in expected {
        #expect(request.head.contains("\(name): \(value)\n") || request.head.hasSuffix("\(name): \(value)"))
      }
    }
    #expect(server.requests.map { text($0.body) } == ["hello", "", "", ""])
  }

  @Test("without an authority nothing is signed")
  func unsigned() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    _ = try ManagementClient(endpoint: server.url).send(Call(verb: .post([]), id: id))
    #expect(!server.requests[0].head.contains("Authorization"))
  }

  @Test("the gateway's clock is learned from refused calls, each is sent once more, and the next are right at once")
  func skew() throws {
    let server = ScriptedServer { request in
      request.head.contains("X-Amz-Date: 20270115T0930")
        ? [.answer(200)]
        : [
          Self.refusal(
            "InvalidSignatureException", date: "Fri, 15 Jan 2027 09:30:00 GMT",
            #"{"message":"Signature expired: 20270115T080000Z is now earlier than 20270115T092500Z"}"#)
        ]
    }
    defer { server.stop() }
    let client = try client(server, Succession(["AKID"]))
    #expect(post(8, over: client) == Array(repeating: "200", count: 8))
    let sent = server.requests.count
    #expect((9...16).contains(sent))
    #expect(try client.send(Call(verb: .post([]), id: id)).status == 200)
    #expect(server.requests.count == sent + 1)
  }

  @Test("a refusal for the clock's sake that comes again is reported")
  func skewTwice() throws {
    let server = ScriptedServer { request in
      let date = request.number % 2 == 1 ? "Fri, 15 Jan 2027 09:30:00 GMT" : "Fri, 15 Jan 2027 11:30:00 GMT"
      return [Self.refusal("RequestTimeTooSkewed", date: date)]
    }
    defer { server.stop() }
    #expect(try client(server, Succession(["AKID"])).send(Call(verb: .post([]), id: id)).status == 403)
    #expect(server.requests.count == 2)
  }

  @Test("credentials that have ended are replaced by new ones, under many calls at once")
  func endedCredentials() throws {
    let server = ScriptedServer { request in
      request.head.contains("Credential=NEW/") ? [.answer(200)] : [Self.refusal("ExpiredTokenException:http://x")]
    }
    defer { server.stop() }
    let source = Succession(["OLD", "NEW"])
    let client = try client(server, source)
    #expect(post(12, over: client) == Array(repeating: "200", count: 12))
    let old = try self.client(server, Succession(["OLD"]))
    #expect(post(2, over: old) == ["403 ExpiredTokenException", "403 ExpiredTokenException"])
  }

  @Test("without credentials calls fail at once, say why, and the places are not asked for each")
  func noCredentials() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let source = Succession([])
    let client = try client(server, source)
    #expect(post(50, over: client) == Array(repeating: "noCredentials", count: 50))
    #expect(source.asked <= 2)
    #expect(server.connectionCount == 0)
    let error = try #require(throws: ManagementError.self) { try client.send(Call(verb: .post([]), id: id)) }
    #expect(error.description.contains("no AWS credentials are found; the test gives none (none left)"))
  }

  @Test(
    "refusals are told apart by status and type, whatever the body",
    arguments: [
      (410, "GoneException", "", Answer.Meaning.gone, "410 GoneException"),
      (410, "", "", .gone, "410"),
      (429, "LimitExceededException", #"{"message":null}"#, .throttled, "429 LimitExceededException"),
      (400, "ThrottlingException:", "<html>", .throttled, "400 ThrottlingException"),
      (413, "", "too large", .tooLarge, "413"),
      (403, "ForbiddenException", #"{"message":"no"}"#, .forbidden, "403 ForbiddenException: no"),
      (
        403, "", #"{"__type":"com.amazon#AccessDeniedException","Message":"no"}"#, .forbidden,
        "403 AccessDeniedException: no"
      ),
      (403, "", #"{"message":"Forbidden""#, .forbidden, "403: Forbidden"),
      (400, "BadRequestException", "{}", .refused, "400 BadRequestException"),
      (504, "", "", .unavailable, "504"),
      (503, "", "\u{0}", .unavailable, "503"),
    ])
  func refusals(status: Int, type: String, body: String, meaning: Answer.Meaning, explanation: String) throws {
    let header = type.isEmpty ? "" : "x-amzn-ErrorType: \(type)\r\n"
    let server = ScriptedServer { _ in
      [.text("HTTP/1.1 \(status) X\r\n\(header)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")]
    }
    defer { server.stop() }
    let answer = try client(server, Succession(["AKID"])).send(Call(verb: .post([]), id: id))
    #expect(answer.meaning == meaning)
    #expect(answer.explanation == explanation)
  }

  @Test("an endpoint that does not answer is an error with advice, and the calls after it do not wait for it again")
  func noRoute() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    var options = ManagementClient.Options()
    options.connectMilliseconds = 150
    options.pauseMilliseconds = 60_000
    let client = try ManagementClient(
      endpoint: "https://127.0.0.1:\(server.port)", options: options)
    for _ in 0..<20 {
      let error = try #require(throws: ManagementError.self) { try client.send(Call(verb: .post([]), id: id)) }
      #expect(error.kind == .unreachable)
      #expect(error.message.contains("a function in a VPC needs a route"))
    }
    #expect(server.connectionCount == 2)
  }
}
