import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("$connect and $disconnect")
struct ConnectTests {
  @Test("a connect is one write, and a read of each kind of the user's connections, and answers 200")
  func cost() throws {
    var counter: FailingTable?
    let stage = Stage {
      let table = FailingTable($0, failing: 0)
      counter = table
      return table
    }
    #expect(
      try stage.connect([("userId", "u-1"), ("eventTypes", "signal,risk,price:update")]) == Stage.connected)
    #expect(counter?.calls == 3)
  }

  @Test("a connect without a user is one table call")
  func costWithoutUser() throws {
    var counter: FailingTable?
    let stage = Stage {
      let table = FailingTable($0, failing: 0)
      counter = table
      return table
    }
    #expect(try stage.connect([("eventTypes", "signal,risk,price:update")]) == Stage.connected)
    #expect(counter?.calls == 1)
  }

  @Test("everyone is refused unless access is open", arguments: [[:], ["ACCESS": "required"], ["ACCESS": ""]])
  func access(environment: [String: String]) throws {
    let stage = Stage()
    #expect(try stage.connect(access: environment).hasPrefix(#"{"statusCode":401,"#))
    #expect(try stage.connections.connection(id: stage.id) == nil)
  }

  @Test("who names no role may see everything, who names an unknown one no broadcast")
  func roles() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1")])
    #expect(try stage.connections.connection(id: stage.id)?.principal == Principal(user: "u-1", role: .admin))
    let other = Stage()
    _ = try other.connect([("role", "root"), ("eventTypes", "signal")])
    #expect(try other.connections.connection(id: other.id)?.principal == Principal(user: nil, role: nil))
    #expect(try other.connections.connection(id: other.id)?.subscriptions.active == [])
  }

  @Test("what the role may not see is left out")
  func leftOut() throws {
    let stage = Stage()
    _ = try stage.connect([("role", "viewer"), ("eventTypes", "signal,proposal,decision,outcome,risk,system")])
    let types = try stage.connections.connection(id: stage.id)?.subscriptions.active.map(\.type)
    #expect(types == ["signal", "proposal", "proposal.created", "proposal.updated"])
  }

  @Test("the first subprotocol that was offered is chosen, never the token beside it")
  func subprotocol() throws {
    #expect(
      try Stage().connect(protocols: "bearer, secret")
        == #"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"bearer"},"body":"Connected"}"#)
    #expect(
      try Stage().connect(protocols: "events.v1")
        == #"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"events.v1"},"body":"Connected"}"#)
    #expect(try Stage().connect([("auth", "secret")], protocols: "secret") == Stage.connected)
  }

  @Test(
    "bad parameters are refused by name",
    arguments: [
      ("userId", String(repeating: "x", count: 257), "userId"), ("dialect", "klingon", "typed, flat, message"),
      ("groups", String(repeating: "x", count: 129), "groups"), ("eventTypes", "a\nb", "cannot be subscribed to"),
      ("eventTypes", (0..<1000).map { "t\($0)" }.joined(separator: ","), "1000 subscriptions are too many"),
      ("eventTypes", (0..<129).map { "t\($0)" }.joined(separator: ","), "129 subscriptions are too many"),
      ("client_id", "", "client_id"), ("userId", "a\nb", "without control characters"),
      ("user_id", "a\u{9B}b", "without control characters"), ("userId", "a\u{202E}b", "without control characters"),
      ("groups", "g,a\u{7F}b", "without control characters"), ("client_id", "a\u{2028}b", "client_id"),
      ("keys", "a\nb", "a key is"),
    ])
  func badParameters(name: String, value: String, mentions: String) throws {
    let stage = Stage()
    let answer = try stage.connect([(name, value)])
    #expect(answer.hasPrefix(#"{"statusCode":400,"#))
    #expect(answer.contains(mentions), "\(answer)")
    #expect(try stage.connections.connection(id: stage.id) == nil)
  }

  @Test("a connect that fails inside answers 500 with what the source documents say, and the reason is in the log only")
  func failingTable() throws {
    let stage = Stage { FailingTable($0, failing: 1) }
    let answer = try stage.connect([("userId", "u-1")])
    #expect(
      answer
        == #"{"statusCode":500,"headers":{"Content-Type":"application/json"},"body":"{\"error\":\"Internal Server Error\",\"message\":\"Failed to establish the connection\",\"statusCode\":500}"}"#
    )
    let lines = stage.lines(saying: "connection refused: it could not be written")
    #expect(lines.count == 1 && lines[0].contains("\"level\":\"ERROR\"") && lines[0].contains(stage.id.text))
  }

  @Test("a disconnect answers 200 and leaves no listener, also when it comes first")
  func disconnect() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("eventTypes", "signal")])
    #expect(try stage.disconnect() == #"{"statusCode":200}"#)
    _ = try stage.publish(#"{"events":[{"type":"signal","data":1},{"type":"x","user":"u-1","data":1}]}"#)
    #expect(stage.ear.posts.isEmpty)
    // API Gateway waits 29 seconds for a function.
    let late = Stage()
    _ = try late.disconnect()
    late.clock.advance(seconds: 29)
    #expect(try late.connect([("userId", "u-1")]).hasPrefix(#"{"statusCode":410,"#))
  }
}
