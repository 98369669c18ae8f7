import Connections
import Messaging
import TestSupport
import Testing

@testable import ConnectHandler

/// `MAX_CONNECTIONS_PER_CLIENT`: of one `client_id` of a user.
@Suite("connections of one client of a user")
struct ClientLimitTests {
  let stage = Stage()
  private let access = ["ACCESS": "open", "MAX_CONNECTIONS_PER_CLIENT": "2"]

  private func name(_ number: Int) -> ConnectionID { ConnectionID("C\(number)=")! }

  private func connect(_ number: Int, client: String?, user: String = "u-1") throws -> String {
    let query = [("userId", user)] + (client.map { [("client_id", $0)] } ?? [])
    return try stage.connect(query, access: access, id: name(number))
  }

  private func living(_ user: String = "u-1") throws -> Set<String> {
    Set(try stage.connections.connections(of: user).map(\.id.text))
  }

  @Test("one more closes that client's oldest, which is told why; other clients and users are left alone")
  func oldest() throws {
    #expect(try connect(0, client: "phone").hasPrefix(#"{"statusCode":200"#))
    _ = try connect(1, client: "page")
    _ = try connect(2, client: "page")
    _ = try connect(3, client: nil)
    _ = try connect(4, client: "page", user: "u-2")
    #expect(stage.ear.closed.isEmpty)
    stage.clock.advance(seconds: 60)
    #expect(try connect(5, client: "page").hasPrefix(#"{"statusCode":200"#))
    #expect(stage.ear.closed == ["C1="])
    #expect(
      stage.ear.frames(to: name(1)).first?.contains(
        #""code":"limit","message":"a client_id of a user may have 2 connections; this one, the oldest"#) ?? false)
    #expect(try living() == ["C0=", "C2=", "C3=", "C5="])
    #expect(try living("u-2") == ["C4="])
    #expect(stage.lines.all.contains { $0.contains(#""limit":2"#) && $0.contains(#""of":"a client_id of a user""#) })
  }

  @Test("both limits hold at once: first the client's oldest go, then the user's")
  func both() throws {
    var access = access
    access["MAX_CONNECTIONS_PER_USER"] = "3"
    for (number, client) in ["a", "b", "b"].enumerated() {
      _ = try stage.connect(
        [("userId", "u-1"), ("client_id", client)], access: access, id: name(number))
    }
    stage.clock.advance(seconds: 60)
    _ = try stage.connect([("userId", "u-1"), ("client_id", "b")], access: access, id: name(3))
    #expect(stage.ear.closed == ["C1="])
    _ = try stage.connect([("userId", "u-1"), ("client_id", "c")], access: access, id: name(4))
    #expect(stage.ear.closed == ["C1=", "C0="])
  }

  @Test("without the setting a client may have as many as its user")
  func unset() throws {
    for number in 0..<5 {
      _ = try stage.connect([("userId", "u-1"), ("client_id", "page")], id: name(number))
    }
    #expect(try living().count == 5 && stage.ear.closed.isEmpty)
  }

  @Test("a client_id of 300 bytes is refused, and told how long it may be")
  func tooLong() throws {
    let answer = try connect(0, client: String(repeating: "x", count: 300))
    #expect(answer.hasPrefix(#"{"statusCode":400"#))
    #expect(answer.contains("client_id must be 1 to \(Limit.keyBytes) bytes"))
    #expect(try living().isEmpty)
    #expect(try connect(1, client: String(repeating: "x", count: Limit.keyBytes)).hasPrefix(#"{"statusCode":200"#))
  }
}
