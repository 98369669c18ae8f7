import ConnectionStore
import Connections
import EventLog
import Messaging
import TestSupport
import Testing

@testable import Publisher

/// From what an application publishes to what a client is shown: orders, positions, strategies.
@Suite("the state of a user, as a client is shown it")
struct UserStateTests {
  let stage = Stage()

  private func publish(_ type: String, _ data: String, _ audience: String = #""user":"u-1""#) throws -> String {
    try stage.publish("{\"type\":\"\(type)\",\(audience),\"data\":\(data)}")
  }

  private func trade() throws {
    _ = try publish("order:update", #"{"orderId":"o-1","symbol":"AAPL","qty":10,"status":"new"}"#)
    _ = try publish("order:fill", #"{"orderId":"o-1","filledQty":4,"filledAvgPrice":150.25}"#)
    _ = try publish("position:update", #"{"symbol":"AAPL","quantity":"4","currentPrice":"150.25"}"#)
    _ = try publish("position:update", #"{"symbol":"MSFT","quantity":"0.1","currentPrice":"0.2"}"#)
  }

  private func sayHello(_ members: String = "", id: ConnectionID? = nil) throws {
    _ = try stage.say("{\"type\":\"hello\",\"n\":1\(members)}", id: id)
  }

  private func frames(_ type: String, _ id: ConnectionID? = nil) -> [String] {
    stage.ear.frames(to: id ?? stage.id).filter { $0.hasPrefix("{\"type\":\"\(type)\"") }
  }

  private func states(_ id: ConnectionID? = nil) -> [String] {
    frames("snapshot", id).filter { $0.contains(#""stream":"user/u-1""#) }
  }

  private static let order =
    #""data":{"orderId":"o-1","symbol":"AAPL","qty":10,"status":"partially_filled","filledQty":4,"filledAvgPrice":150.25}"#

  @Test("comes with the answer to a hello, before what waits and what is live")
  func hello() throws {
    try trade()
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer")])
    try sayHello()
    let all = stage.ear.frames(to: stage.id)
    let state = try #require(states().first)
    #expect(states().count == 1 && state.contains(Self.order) && state.contains(#""seq":2,"#))
    #expect(state.contains(#""key":"MSFT""#) && state.contains(#""totalValue""#) == false)
    let index = try #require(all.firstIndex(of: state))
    let waiting = all.indices.filter { all[$0].contains(#""type":"order:"#) && !all[$0].contains("snapshot") }
    #expect(waiting.count == 2 && waiting.allSatisfy { $0 > index })
    // Whoever comes back with a cursor has the state, and gets what came since.
    _ = try publish("order:fill", #"{"orderId":"o-1","filledQty":10,"filledAvgPrice":150.30}"#)
    #expect(frames("order:fill").last?.contains(#""data":{"orderId":"o-1","filledQty":10,"#) == true)
    #expect(states().count == 1)
  }

  @Test("a live position is the whole of it, and what all are worth")
  func live() throws {
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer")])
    try sayHello()
    try trade()
    _ = try publish("position:update", #"{"symbol":"AAPL","currentPrice":"151.00"}"#)
    stage.clock.advance(milliseconds: 100)
    _ = try publish("position:update", #"{"symbol":"AAPL","quantity":0,"realizedPnL":3.00}"#)
    let positions = frames("position:update")
    #expect(
      positions.last?.contains(
        #""data":{"symbol":"AAPL","quantity":0,"realizedPnL":3.00,"currentPrice":"151.00","totalValue":0.02}"#) == true)
    #expect(
      positions.contains {
        $0.contains(#""data":{"symbol":"AAPL","currentPrice":"151.00","quantity":"4","totalValue":604.02}"#)
      })
    let reader = RecoveryReader(table: stage.table, types: stage.types, clock: stage.clock.clock)
    #expect(try reader.positions(of: "user/u-1")?.values.map(\.event.key) == ["MSFT"])
  }

  @Test("is what the connection may see and asked for, and nobody else's")
  func whose() throws {
    try trade()
    _ = try publish("strategy:update", #"{"strategyId":"s-1","status":"started"}"#, #""group":"desk""#)
    for (number, (query, types, shown)) in [
      ("u-1", #","eventTypes":["order:update"],"keys":["o-1"]"#, ["o-1"]),
      ("u-1", #","eventTypes":["order:update"],"keys":["o-2"]"#, []),
      ("u-1", #","eventTypes":["signal","order:fill"]"#, []),
      ("u-1", #","eventTypes":["position:update"]"#, ["AAPL", "MSFT"]),
      ("u-2", "", []),
    ].enumerated() {
      let id = try #require(ConnectionID("Conn\(number)="))
      _ = try stage.connect([("userId", query), ("role", "viewer"), ("groups", "none")], id: id)
      try sayHello(types, id: id)
      let snapshots = frames("snapshot", id).filter { $0.contains("\"stream\":\"user/") }.joined()
      for key in ["o-1", "AAPL", "MSFT", "s-1"] {
        #expect(snapshots.contains("\"key\":\"\(key)\"") == shown.contains(key), "\(query) \(types): \(snapshots)")
      }
    }
    let member = try #require(ConnectionID("Member="))
    _ = try stage.connect([("userId", "u-3"), ("role", "viewer"), ("groups", "desk")], id: member)
    try sayHello(id: member)
    #expect(
      frames("snapshot", member).contains { $0.contains(#""stream":"group/desk""#) && $0.contains(#""key":"s-1""#) })
  }

  @Test("comes after the greeting of a client that says no hello; clients that know no snapshots get what waits alone")
  func greeting() throws {
    stage.greetsClients = true
    try trade()
    for (dialect, count) in [("typed", 1), ("flat", 0), ("message", 0)] {
      let id = try #require(ConnectionID("\(dialect)="))
      _ = try stage.connect(
        [("userId", "u-1"), ("role", "viewer"), ("dialect", dialect)],
        access: ["ACCESS": "open", "GREETING_FUNCTION": "DefaultHandler"], id: id)
      for payload in stage.invocations.takeAll() where payload.hasPrefix("{\"greet\"") { _ = try stage.greet(payload) }
      try stage.runInvocations()
      #expect(states(id).count == count, "\(dialect)")
      let shown = stage.ear.frames(to: id).filter { !$0.contains("snapshot") }
      #expect(shown.filter { $0.contains(#""filledQty":4"#) }.count == 1, "\(dialect): \(shown)")
    }
  }

  @Test("outlives its log, and comes to whoever missed events")
  func later() throws {
    try trade()
    stage.clock.advance(seconds: 31 * 24 * 60 * 60)
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer")])
    try sayHello()
    #expect(states().first?.contains(Self.order) == true && frames("order:update").isEmpty)
    let cursor = try #require(frames("ready").last?.split(separator: "\"cursor\":\"").last?.prefix { $0 != "\"" })
    for number in 1...101 { _ = try publish("alert:new", "{\"alertId\":\"a-\(number)\"}") }
    let other = try #require(ConnectionID("Other="))
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer")], id: other)
    try sayHello(",\"cursor\":\"\(cursor)\"", id: other)
    #expect(frames("resume", other).first?.contains(#""reason":"trimmed""#) == true)
    #expect(states(other).first?.contains(Self.order) == true)
  }

  @Test("what cannot be exact, or is written by somebody else, is rejected alone, with the member")
  func refused() throws {
    let answer = try stage.publish(
      #"{"events":[{"type":"position:update","user":"u-1","data":{"symbol":"A","quantity":1e400}},"#
        + #"{"type":"position:update","user":"u-1","data":{"symbol":"B","quantity":1,"currentPrice":2}}]}"#)
    #expect(
      answer.contains(#""accepted":1,"rejected":1"#)
        && answer.contains(#"{"index":0,"code":"invalid_field","message":"'data.quantity' is out of range"#))
    stage.limits.positionsWriter = .follower
    #expect(
      try stage.refused(#"{"type":"position:update","user":"u-1","data":{"symbol":"B"}}"#).contains("not_allowed"))
    #expect(try publish("position:update", #"{"symbol":"B"}"#, #""audience":"everyone""#).contains(#""accepted":1"#))
  }

  @Test("an order that goes for another is one line of WARN")
  func evicted() throws {
    stage.limits.stateKeys = 2
    for number in 1...3 { _ = try publish("order:update", "{\"orderId\":\"o-\(number)\"}") }
    let lines = stage.lines(saying: "keys left a state: more than are kept")
    #expect(
      lines.count == 1
        && lines[0].contains(#""stream":"user/u-1","type":"order:update","keys":1"#) && lines[0].contains("WARN"))
  }
}
