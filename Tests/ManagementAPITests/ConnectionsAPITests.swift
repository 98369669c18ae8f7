import ManagementAPI
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("@connections for handlers of one's own")
struct ConnectionsAPITests {
  private let id = ConnectionID("R0oXAdfD0kwCH6w=")!

  @Test("posts, probes and closes over one kept connection, and tells who has left")
  func calls() throws {
    let server = ScriptedServer { request in
      switch request.number {
      case 1: [.answer(200)]
      case 2: [.text("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")]
      case 3: [.text("HTTP/1.1 204 No Content\r\n\r\n")]
      default: [.answer(410)]
      }
    }
    defer { server.stop() }
    let connections = ConnectionsAPI(environment: Environment(["API_GATEWAY_ENDPOINT": "\(server.url)/prod"]))
    #expect(try connections.post("hello", to: id) == .accepted)
    #expect(try connections.probe(id) == .accepted)
    #expect(try connections.close(id) == .accepted)
    #expect(try connections.post("hello", to: id) == .gone)
    #expect(server.requests.map(\.method) == ["POST", "GET", "DELETE", "POST"])
    #expect(Set(server.requests.map(\.target)) == ["/prod/@connections/R0oXAdfD0kwCH6w%3D"])
    #expect(text(server.requests[0].body) == "hello")
    #expect(server.connectionCount == 1)
  }

  @Test("a refusal is an error that says what was refused, and for whom")
  func refusal() throws {
    let server = ScriptedServer { _ in
      [.text("HTTP/1.1 413 Too Large\r\nx-amzn-ErrorType: PayloadTooLargeException\r\nContent-Length: 0\r\n\r\n")]
    }
    defer { server.stop() }
    let connections = ConnectionsAPI(environment: Environment([:]))
    let error = try #require(throws: ConnectionsAPIError.self) {
      try connections.post("hello", to: id, endpoint: server.url)
    }
    #expect("\(error)" == "@connections answered 413 PayloadTooLargeException for R0oXAdfD0kwCH6w=")
  }

  @Test("the endpoint that is set goes before the one that a call names, and one of them has to be there")
  func endpoint() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let connections = ConnectionsAPI(environment: Environment(["API_GATEWAY_ENDPOINT": server.url]))
    #expect(try connections.post("a", to: id, endpoint: "http://127.0.0.1:1") == .accepted)
    #expect(throws: MissingVariable.self) { try ConnectionsAPI(environment: Environment([:])).probe(id) }
  }
}
