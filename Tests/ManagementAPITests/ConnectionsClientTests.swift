import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("What a handler asks of @connections", .timeLimit(.minutes(10)))
struct ConnectionsClientTests {
  private let destination = Destination(connectionID: ConnectionID("R0oXAdfD0kwCH6w=")!, domainName: "", stage: "")
  private let time = SettableClock()

  private func client(_ server: ScriptedServer) -> ConnectionsClient {
    ConnectionsClient(environment: Environment(["API_GATEWAY_ENDPOINT": server.url + "/prod"]), clock: time.clock)
  }

  @Test("a post that may pass is tried again, on one kept connection")
  func retried() throws {
    let server = ScriptedServer { [.answer([429, 503, 200, 410][$0.number - 1])] }
    defer { server.stop() }
    var client = client(server)
    let start = time.clock.milliseconds()
    #expect(try client.post(bytes("x"), to: destination) == .accepted)
    #expect(time.clock.milliseconds() - start == 200)
    #expect(try client.post(bytes("y"), to: destination) == .gone)
    #expect(server.requests.map { text($0.body) } == ["x", "x", "x", "y"])
    #expect(server.requests.allSatisfy { $0.target == "/prod/@connections/R0oXAdfD0kwCH6w%3D" })
    #expect(server.connectionCount == 1)
  }

  @Test(
    "a post is given up after four attempts, and at once where none would do better", arguments: [(503, 4), (403, 1)])
  func givenUp(status: Int, attempts: Int) throws {
    let server = ScriptedServer { _ in [.answer(status, headers: "x-amzn-ErrorType: SomeException\r\n")] }
    defer { server.stop() }
    var client = client(server)
    let error = try #require(throws: PostRefused.self) { try client.post(bytes("x"), to: destination) }
    #expect("\(error)" == "@connections answered \(status) SomeException")
    #expect(server.requests.count == attempts)
  }

  @Test("a connection that has left is closed already", arguments: [204, 410])
  func closed(status: Int) throws {
    let server = ScriptedServer { _ in [.answer(status)] }
    defer { server.stop() }
    var client = client(server)
    try client.close(destination)
    #expect(server.requests.map(\.method) == ["DELETE"])
  }

  @Test("a close that is refused is an error")
  func notClosed() {
    let server = ScriptedServer { _ in [.answer(403)] }
    defer { server.stop() }
    var client = client(server)
    #expect(throws: PostRefused.self) { try client.close(destination) }
  }

  @Test(
    "a last frame is sent once, and the connection closed unless it has left",
    arguments: [(200, ["POST", "DELETE"]), (500, ["POST", "DELETE"]), (410, ["POST"])])
  func lastFrame(status: Int, methods: [String]) throws {
    let server = ScriptedServer { [.answer($0.method == "POST" ? status : 204)] }
    defer { server.stop() }
    var client = client(server)
    #expect(try client.close(destination, telling: bytes("bye")) == (status == 410 ? .gone : .accepted))
    #expect(server.requests.map(\.method) == methods)
  }

  @Test("a probe tells those that have left, and only those")
  func probed() {
    let ids = ["here=", "left=", "odd=", "gone="].compactMap { ConnectionID($0) }
    let server = ScriptedServer { request in
      let isGone = request.target.contains("left") || request.target.contains("gone")
      return [.answer(isGone ? 410 : request.target.contains("odd") ? 500 : 200)]
    }
    defer { server.stop() }
    var client = ConnectionsClient(environment: Environment(["API_GATEWAY_ENDPOINT": server.url]))
    #expect(client.probe(ids, besides: destination) == [ids[1], ids[3]])
    #expect(client.probe([], besides: destination).isEmpty)
  }
}
