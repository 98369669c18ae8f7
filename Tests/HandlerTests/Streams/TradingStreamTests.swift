import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import StreamHandler

@Suite("a trading account over its streams")
struct TradingStreamTests {
  @Test("each tab of a user is a stream of its own, and all of them get each event")
  func tabs() throws {
    let streams = try StreamStage()
    let tabs = try (0..<3).map { _ in try streams.request("/api/stream/alerts?userId=u-1") }
    let other = try streams.request("/api/stream/alerts?userId=u-2")
    try streams.publish(
      "alert:new", user: "u-1", data: #"{"alertId":"a-1","level":"info","message":"m","timestamp":"t"}"#)
    try streams.pass(milliseconds: 50)
    streams.close(tabs[0], .gone)
    try streams.publish(
      "alert:new", user: "u-1", data: #"{"alertId":"a-2","level":"info","message":"m","timestamp":"t"}"#)
    try streams.pass(milliseconds: 50)
    #expect(tabs.map { $0.events.count } == [1, 2, 2] && other.events.isEmpty)
    #expect(Set(tabs.map { $0.events[0].lastEventID }).count == 1)
  }

  @Test("an alert of level error says that it has high priority, another says nothing")
  func priority() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/alerts?userId=u-1")
    for level in ["error", "warning"] {
      try streams.publish("alert:new", user: "u-1", data: #"{"alertId":"a","level":"\#(level)","timestamp":"t"}"#)
    }
    try streams.publish("alert:new", user: "u-1", data: #"{"level":"error","priority":"own","timestamp":"t"}"#)
    try streams.pass(milliseconds: 50)
    #expect(
      client.events.map(\.data) == [
        #"{"alertId":"a","level":"error","timestamp":"t","priority":"high"}"#,
        #"{"alertId":"a","level":"warning","timestamp":"t"}"#, #"{"level":"error","priority":"own","timestamp":"t"}"#,
      ])
  }

  @Test(
    "an order is created, filled in part and whole, another canceled: each is an event, and the snapshot has it all")
  func orders() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/orders?userId=u-1")
    let events = [
      ("order:update", #"{"orderId":"o-1","symbol":"AAPL","side":"buy","qty":10,"status":"new","timestamp":"t"}"#),
      ("order:update", #"{"orderId":"o-2","symbol":"MSFT","side":"sell","qty":1,"status":"new","timestamp":"t"}"#),
      ("order:fill", #"{"orderId":"o-1","filledQty":4,"filledAvgPrice":150.20,"timestamp":"t"}"#),
      ("order:fill", #"{"orderId":"o-1","filledQty":10,"filledAvgPrice":150.25,"timestamp":"t"}"#),
      ("order:update", #"{"orderId":"o-2","status":"canceled","reason":"by user","timestamp":"t"}"#),
    ]
    var states: [String] = []
    for (type, data) in events {
      try streams.publish(type, user: "u-1", data: data)
      try streams.pass(milliseconds: 50)
      states.append(try #require(try streams.request("/api/stream/orders?userId=u-1").events.first).data)
    }
    #expect(client.events.dropFirst().map(\.event) == events.map(\.0))
    #expect(client.events.dropFirst().map(\.data) == events.map(\.1))
    #expect(client.reader.retries.allSatisfy { $0 == 5_000 })
    #expect(Set(client.events.map(\.lastEventID)).count == 6)
    #expect(states[2].contains(#""status":"partially_filled","timestamp":"t","filledQty":4,"filledAvgPrice":150.20}"#))
    #expect(states[3].contains(#""status":"filled","timestamp":"t","filledQty":10,"filledAvgPrice":150.25}"#))
    #expect(states[4].contains(#""status":"canceled","timestamp":"t","reason":"by user"}"#))
    // What was canceled stands among what waits for a client that comes later.
    let later = try streams.request("/api/stream/orders?userId=u-1")
    #expect(later.events.dropFirst().map(\.data) == events.map(\.1))
  }

  @Test("a position is opened, moves with its price and is closed: each time itself and what all are worth, exactly")
  func positions() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/positions?userId=u-1")
    for data in [
      #"{"symbol":"AAPL","quantity":"10","entryPrice":"150.00","currentPrice":"152.50"}"#,
      #"{"symbol":"BTC","quantity":"0.1","entryPrice":"0.10","currentPrice":"0.20"}"#,
      #"{"symbol":"AAPL","currentPrice":"153.00"}"#, #"{"symbol":"AAPL","quantity":"0","realizedPnL":30.00}"#,
    ] {
      try streams.publish("position:update", user: "u-1", data: data)
      try streams.pass(milliseconds: 50)
    }
    try #require(client.events.count == 5)
    let data = client.events.map(\.data)
    #expect(data[0].hasPrefix(#"{"snapshot":true,"positions":[],"totalValue":0"#))
    #expect(
      data[1].hasPrefix(
        #"{"symbol":"AAPL","quantity":"10","entryPrice":"150.00","currentPrice":"152.50","unrealizedPnL":25.00,"totalValue":1525.00"#
      ))
    // 0.1 × 0.20, which is no sum of binary fractions.
    #expect(data[2].contains(#""unrealizedPnL":0.010,"totalValue":1525.020"#))
    #expect(data[3].contains(#""quantity":"10""#) && data[3].contains(#""currentPrice":"153.00""#))
    #expect(data[3].contains(#""unrealizedPnL":30.00,"totalValue":1530.020"#))
    #expect(data[4].contains(#""quantity":"0""#) && data[4].contains(#""realizedPnL":30.00"#))
    #expect(data[4].contains(#""totalValue":0.020"#))
    let again = try streams.request("/api/stream/positions?userId=u-1").events[0].data
    #expect(again.contains(#""positions":[{"symbol":"BTC""#) && !again.contains("AAPL"))
    #expect(again.contains(#""totalValue":0.020"#))
  }

  @Test("a strategy's signal and its error come to its owner with all their members, as they were sent")
  func strategies() throws {
    let streams = try StreamStage()
    let started = #"{"strategyId":"s-1","status":"started","timestamp":"t"}"#
    try streams.publish("strategy:update", user: "u-1", data: started)
    let client = try streams.request("/api/stream/strategies/s-1?userId=u-1")
    let before = client.events.count
    let sent = [
      #"{"strategyId":"s-1","signal":"momentum","symbol":"AAPL","action":"buy","confidence":0.80,"reasoning":"größer, 買, 😀","timestamp":"t"}"#,
      #"{"strategyId":"s-1","status":"error","error":{"code":"E1","message":"m"},"timestamp":"t"}"#,
    ]
    for data in sent { try streams.publish("strategy:update", user: "u-1", data: data) }
    try streams.pass(milliseconds: 50)
    #expect(client.events.dropFirst(before).map(\.data) == sent)
    let flagged = #"{"strategyId":"s-1","status":"started","timestamp":"t","snapshot":true}"#
    #expect(client.events.first?.data == flagged)
  }

  @Test("what a request has published bears its correlation id in the line of the publish and of the delivery")
  func correlation() throws {
    let streams = try StreamStage(["PUBLISHER_FUNCTION": "Publisher"], level: .debug)
    _ = try streams.request("/realtime/sse/credit-score/user456")
    _ = try streams.request(
      "/api/analyze-credit/user456", method: "POST", headers: [("X-Correlation-ID", "req-7")], body: #"{"score":742}"#)
    try streams.stage.runInvocations()
    try streams.pass(milliseconds: 50)
    #expect(streams.stage.lines(saying: "published").contains { $0.contains("req-7") })
    #expect(streams.stage.lines(saying: "event shown").contains { $0.contains(#""eventCorrelationId":"req-7""#) })
  }

  @Test("001: another user's credit score and analysis are refused, an admin's are not")
  func creditOwner() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let key = try streams.stage.keys.create(KeyGrant(principal: Principal(user: "u-1", role: .viewer))).key.text
    let admin = try streams.stage.keys.create(KeyGrant(principal: Principal(user: nil, role: .admin))).key.text
    for (path, credential, status) in [
      ("/realtime/sse/credit-score/u-1", key, 200), ("/realtime/sse/credit-score/u-2", key, 403),
      ("/realtime/sse/credit-score/u-2", admin, 200), ("/realtime/sse/calculation/c-1?userId=u-2", key, 403),
    ] {
      #expect(try streams.request(path, headers: [("x-api-key", credential)]).status == status, "\(path)")
    }
  }
}
