import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("The management API client", .timeLimit(.minutes(10)))
struct ManagementClientTests {
  private static let id = ConnectionID("R0oXAdfD0kwCH6w=")!

  private func client(
    _ server: ScriptedServer, width: Int = 8, callsPerConnection: Int = 1, stallMilliseconds: Int64 = 20,
    answerMilliseconds: Int = 10_000, clock: Clock = .system
  ) throws -> ManagementClient {
    var options = ManagementClient.Options()
    options.width = width
    options.callsPerConnection = callsPerConnection
    options.stallMilliseconds = stallMilliseconds
    options.answerMilliseconds = answerMilliseconds
    return try ManagementClient(endpoint: server.url + "/prod/", options: options, clock: clock)
  }

  /// Runs posts to numbered connections, as many at once as there is room for; the outcome of each by number.
  private func post(_ count: Int, over client: ManagementClient, frame: [UInt8] = bytes("f")) -> [Int: String] {
    var outcomes: [Int: String] = [:]
    var started = 0
    var ended: [Completion] = []
    client.expect(calls: count)
    while outcomes.count < count {
      while started < count, client.room > 0 {
        client.start(Call(verb: .post(frame), id: ConnectionID("c\(started)=")!), token: started)
        started += 1
      }
      client.step(untilMilliseconds: .max, into: &ended)
      for completion in ended {
        #expect(outcomes[completion.token] == nil, "told twice")
        switch completion.outcome {
        case .answered(let answer): outcomes[completion.token] = "\(answer.status)"
        case .failed(let error): outcomes[completion.token] = "\(error.kind)"
        }
      }
    }
    #expect(client.inFlight == 0)
    return outcomes
  }

  @Test("posts, asks and closes with the id encoded, over one kept connection")
  func verbs() throws {
    let server = ScriptedServer { request in
      switch request.method {
      case "GET": [.text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")]
      case "DELETE": [.text("HTTP/1.1 204 No Content\r\n\r\n")]
      default: [.answer(200)]
      }
    }
    defer { server.stop() }
    let client = try client(server)
    #expect(try client.send(Call(verb: .post(bytes("hello")), id: Self.id)).status == 200)
    #expect(text(try client.send(Call(verb: .get, id: Self.id)).body) == "{}")
    #expect(try client.send(Call(verb: .delete, id: Self.id)).status == 204)
    #expect(server.requests.map(\.method) == ["POST", "GET", "DELETE"])
    #expect(Set(server.requests.map(\.target)) == ["/prod/@connections/R0oXAdfD0kwCH6w%3D"])
    #expect(text(server.requests[0].body) == "hello")
    #expect(server.requests[0].head.contains("Host: 127.0.0.1:\(server.port)"))
    #expect(server.connectionCount == 1)
  }

  @Test("an equals sign is encoded wherever it stands in an id")
  func equalsSigns() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    _ = try client(server).send(Call(verb: .delete, id: ConnectionID("=a==b=")!))
    #expect(server.requests.first?.target == "/prod/@connections/%3Da%3D%3Db%3D")
  }

  @Test("refusals are answers, with the error's type")
  func refusals() throws {
    let server = ScriptedServer { _ in
      [.text("HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException:http://x/\r\nContent-Length: 0\r\n\r\n")]
    }
    defer { server.stop() }
    let answer = try client(server).send(Call(verb: .post([]), id: Self.id))
    #expect(answer.status == 410)
    #expect(answer.errorType == "GoneException")
  }

  @Test("answers are read however they are cut, chunked, after a 100, and up to the end of the connection")
  func shapes() throws {
    let shapes = [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
      "HTTP/1.0 200 OK\r\n\r\n{}",
    ]
    let server = ScriptedServer {
      [.trickle(bytes(shapes[($0.number - 1) % 3]))] + ($0.number % 3 == 0 ? [.close] : [])
    }
    defer { server.stop() }
    let client = try client(server)
    for _ in 0..<6 { #expect(text(try client.send(Call(verb: .get, id: Self.id)).body) == "{}") }
    #expect(server.connectionCount == 2)
  }

  @Test("`Connection: close` is honoured: the next call goes over a new connection, and no call twice")
  func connectionClose() throws {
    let server = ScriptedServer { _ in [.answer(200, headers: "Connection: close\r\n"), .close] }
    defer { server.stop() }
    #expect(post(40, over: try client(server)).values.allSatisfy { $0 == "200" })
    #expect(server.requests.count == 40)
    #expect(server.connectionCount == 40)
  }

  @Test("connections are opened as calls are expected, and used again by the next calls")
  func reuse() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let client = try client(server, width: 4, callsPerConnection: 50)
    _ = post(50, over: client)
    #expect(server.connectionCount == 1)
    _ = post(500, over: client)
    #expect(server.connectionCount == 4)
    _ = post(500, over: client)
    #expect(server.connectionCount == 4)
    #expect(server.requests.count == 1_050)
  }

  @Test("while answers are waited for and there is more to send, as many connections more are opened as there are")
  func widens() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    let client = try client(server, width: 4, callsPerConnection: 50, stallMilliseconds: 1)
    var ended: [Completion] = []
    for room in [1, 1, 2] {
      #expect(client.room == room)
      for _ in 0..<room { client.start(Call(verb: .post([]), id: Self.id), token: client.inFlight) }
      if client.inFlight < 4 { client.step(untilMilliseconds: .max, lacksRoom: true, into: &ended) }
      #expect(ended.isEmpty)
    }
    // Its width is reached: the last call gets a connection, and there is no further room.
    while server.connectionCount < 4 {
      client.step(untilMilliseconds: Clock.system.monotonicMilliseconds() + 5, lacksRoom: true, into: &ended)
    }
    #expect(client.room == 0 && client.inFlight == 4 && ended.isEmpty)
  }

  @Test("no connection is opened while nothing more is to be sent, or where answers take no time")
  func staysNarrow() throws {
    let silent = ScriptedServer { _ in [.silence] }
    let quick = ScriptedServer { _ in [.answer(200)] }
    defer { [silent, quick].forEach { $0.stop() } }
    let waiting = try client(silent, callsPerConnection: 50, stallMilliseconds: 1)
    var ended: [Completion] = []
    waiting.start(Call(verb: .post([]), id: Self.id), token: 0)
    waiting.step(untilMilliseconds: Clock.system.monotonicMilliseconds() + 20, into: &ended)
    #expect(waiting.room == 0)
    // No time passes for this one.
    let client = try client(quick, callsPerConnection: 50, stallMilliseconds: 1, clock: SettableClock().clock)
    for number in 0..<20 {
      client.start(Call(verb: .post([]), id: Self.id), token: number)
      repeat { client.step(untilMilliseconds: .max, lacksRoom: true, into: &ended) } while ended.isEmpty
    }
    #expect(quick.connectionCount == 1 && client.room == 1)
  }

  @Test("a kept connection that was closed meanwhile is replaced, whether that was noticed before or after the send")
  func closedWhileIdle() throws {
    let server = ScriptedServer { $0.number == 2 ? [.close] : [.answer(200)] }
    defer { server.stop() }
    let client = try client(server)
    #expect(try client.send(Call(verb: .post([]), id: Self.id)).status == 200)
    // Closed after the request was read, before any byte of an answer.
    #expect(try client.send(Call(verb: .post([]), id: Self.id)).status == 200)
    #expect(server.requests.count == 3)
    server.closeConnections()
    #expect(try client.send(Call(verb: .post([]), id: Self.id)).status == 200)
    #expect(server.requests.count == 4)
  }

  @Test("a new connection that breaks is an error, and the call is not sent again", arguments: [false, true])
  func brokenAtOnce(reset: Bool) throws {
    let server = ScriptedServer { _ in [reset ? .reset : .close] }
    defer { server.stop() }
    let error = try #require(throws: ManagementError.self) {
      try client(server).send(Call(verb: .post([]), id: Self.id))
    }
    #expect(error.kind == .closed)
    #expect(error.description.hasPrefix("POST http://127.0.0.1:\(server.port): "))
    #expect(server.requests.count == 1)
  }

  @Test(
    "half an answer and garbage are errors, not answers, and spoil no other call",
    arguments: ["HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "SSH-2.0-x\r\n\r\n"])
  func garbled(answer: String) throws {
    let server = ScriptedServer { $0.number == 3 ? [.text(answer), .close] : [.answer(200)] }
    defer { server.stop() }
    let outcomes = post(20, over: try client(server))
    #expect(outcomes.values.filter { $0 == "garbled" }.count == 1)
    #expect(outcomes.values.filter { $0 == "200" }.count == 19)
  }

  @Test("bytes after an answer are not taken for the next one")
  func trailingBytes() throws {
    let server = ScriptedServer {
      [.text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + ($0.number == 1 ? "HTTP/1.1 500" : ""))]
    }
    defer { server.stop() }
    let client = try client(server)
    for _ in 0..<3 { #expect(try client.send(Call(verb: .post([]), id: Self.id)).status == 200) }
    #expect(server.connectionCount == 2)
  }

  @Test("silence ends at the timeout, while other calls go on")
  func silence() throws {
    let server = ScriptedServer { $0.number == 5 ? [.silence] : [.answer(200)] }
    defer { server.stop() }
    let outcomes = post(30, over: try client(server, answerMilliseconds: 60))
    #expect(outcomes.values.filter { $0 == "timedOut" }.count == 1)
    #expect(outcomes.values.filter { $0 == "200" }.count == 29)
  }

  @Test("nobody listening fails every call, and each call once")
  func nobodyListens() throws {
    let server = ScriptedServer { _ in [] }
    server.stop()
    #expect(post(20, over: try client(server)).values.allSatisfy { $0 == "notConnected" })
  }

  @Test("a frame larger than the socket takes at once arrives whole")
  func largeFrame() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let frame = (0..<8 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(post(2, over: try client(server), frame: frame).values.allSatisfy { $0 == "200" })
    #expect(server.requests.allSatisfy { $0.body == frame } as Bool)
  }

  @Test("calls that are given up end as abandoned, and the client can be used again")
  func abandon() throws {
    let server = ScriptedServer { $0.number <= 2 ? [.silence] : [.answer(200)] }
    defer { server.stop() }
    let client = try client(server)
    var ended: [Completion] = []
    client.expect(calls: 3)
    for token in 0..<3 { client.start(Call(verb: .post([]), id: Self.id), token: token) }
    client.abandon(into: &ended)
    #expect(ended.map(\.token).sorted() == [0, 1, 2])
    #expect(client.inFlight == 0)
  }

  @Test("whichever call the server breaks, and however, every call is reported once", arguments: 1...12)
  func breaksTheNth(broken: Int) throws {
    for step in [ScriptedServer.Step.close, .reset, .text("HTTP/1.1 2"), .answer(500)] {
      let server = ScriptedServer { $0.number == broken ? [step, .close] : [.answer(200)] }
      let outcomes = post(12, over: try client(server))
      #expect(outcomes.count == 12)
      #expect(outcomes.values.filter { $0 == "200" }.count >= 11)
      server.stop()
    }
  }

  @Test("an endpoint that is no URL is refused", arguments: ["", "abc.execute-api", "ftp://h/prod"])
  func endpoint(text: String) {
    #expect(throws: ManagementError.self) { try ManagementClient(endpoint: text) }
  }
}
