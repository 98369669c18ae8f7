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

@Suite("the streams of one user")
struct UserStreamTests {
  @Test("what waits for a user comes first, in order; then what is for the user live, and nothing of another user's")
  func orders() throws {
    let streams = try StreamStage()
    try streams.publish("order:update", user: "u-1", data: #"{"orderId":"o-1","status":"new","timestamp":"t"}"#)
    try streams.publish("order:update", user: "u-2", data: #"{"orderId":"o-9","status":"new","timestamp":"t"}"#)
    let client = try streams.request("/api/stream/orders?userId=u-1")
    #expect(
      client.events.filter { !$0.data.contains("snapshot") }.map(\.data) == [
        #"{"orderId":"o-1","status":"new","timestamp":"t"}"#
      ])
    try streams.publish("order:fill", user: "u-1", data: #"{"orderId":"o-1","filledQty":5,"timestamp":"t"}"#)
    try streams.publish("position:update", user: "u-1", data: #"{"symbol":"AAPL"}"#)
    try streams.publish("trade:new", user: "u-1", data: #"{"tradeId":"t-1","timestamp":"t"}"#)
    try streams.publish("agent:status", data: #"{"agentId":"a-1","timestamp":"t"}"#)
    try streams.pass(milliseconds: 50)
    #expect(client.events.suffix(3).map(\.event) == ["order:fill", "trade:new", "agent:status"])
  }

  @Test("each stream of a user shows its own types, and agent:status comes on all of them")
  func types() throws {
    let all = [
      "order:update", "order:fill", "position:update", "trade:new", "ai:decision", "alert:new",
    ]
    let expected: [(String, [String])] = [
      ("orders", ["order:update", "order:fill", "trade:new"]), ("positions", ["position:update"]),
      ("trading", ["order:update", "order:fill", "position:update", "trade:new"]),
      ("ai-decisions", ["ai:decision"]), ("alerts", ["alert:new"]),
    ]
    let streams = try StreamStage()
    let clients = try expected.map { try streams.request("/api/stream/\($0.0)?userId=u-1") }
    let before = clients.map(\.events.count)
    for type in all { try streams.publish(type, user: "u-1", data: #"{"orderId":"1","symbol":"A","tradeId":"1"}"#) }
    try streams.publish("agent:status", data: #"{"agentId":"a"}"#)
    try streams.pass(milliseconds: 50)
    for (index, client) in clients.enumerated() {
      #expect(client.events.dropFirst(before[index]).map(\.event) == expected[index].1 + ["agent:status"])
    }
  }

  @Test("data without a timestamp of their own say when the event was")
  func timestamps() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/alerts?userId=u-1")
    try streams.publish("alert:new", user: "u-1", data: #"{"alertId":"x","level":"info"}"#)
    try streams.publish("alert:new", user: "u-1", data: "{}")
    try streams.publish("alert:new", user: "u-1", data: "7")
    try streams.pass(milliseconds: 50)
    let data = client.events.map(\.data)
    #expect(
      data[0].hasPrefix(#"{"alertId":"x","level":"info","timestamp":"2027-"#)
        && data[1].hasPrefix(#"{"timestamp":"2027-"#))
    #expect(data[2] == "7")
  }

  @Test("without a credential a stream of a user is refused with 401 and 003's words, and prices are not")
  func unauthorized() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    for path in ["orders", "positions", "trading", "ai-decisions", "strategies/s-1", "alerts"] {
      let client = try streams.request("/api/stream/\(path)?userId=u-1", headers: [])
      if client.status == 429 { break }
      #expect(client.status == 401)
      #expect(client.body == #"{"error":"Unauthorized","message":"No valid session found","statusCode":401}"#)
      #expect(client.header("Content-Type") == "application/json")
    }
    #expect(try streams.request("/api/stream/prices").status == 200)
  }

  @Test("more than five refused attempts of an address in a minute are answered 429, with a Retry-After")
  func flood() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let statuses = try (0..<100).map { _ in try streams.request("/api/stream/orders") }
    #expect(statuses.prefix(5).map(\.status) == [401, 401, 401, 401, 401])
    #expect(statuses.dropFirst(5).allSatisfy { $0.status == 429 && Int($0.header("Retry-After") ?? "") ?? 0 > 0 })
  }

  @Test("a key opens the streams of its own user alone, an admin's those of any")
  func keys() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let own = try streams.stage.keys.create(KeyGrant(principal: Principal(user: "u-1", role: .viewer))).key.text
    let admin = try streams.stage.keys.create(KeyGrant(principal: Principal(user: nil, role: .admin))).key.text
    #expect(try streams.request("/api/stream/orders", headers: [("x-api-key", own)]).status == 200)
    #expect(try streams.request("/api/stream/orders", headers: [("Cookie", "a=b; session=\(own)")]).status == 200)
    #expect(try streams.request("/api/stream/orders?userId=u-2", headers: [("x-api-key", own)]).status == 403)
    #expect(try streams.request("/api/stream/orders?userId=u-2", headers: [("x-api-key", admin)]).status == 200)
  }

  @Test("whoever was let in before, as its id tells, is told of a refusal in a stream, so that EventSource comes back")
  func refusalAfterSuccess() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let client = try streams.request("/api/stream/orders", headers: [("Last-Event-ID", "1-a.AQ")])
    #expect(client.status == 200 && client.header("Content-Type") == "text/event-stream" && !client.isOpen)
    #expect(client.events.map(\.event) == ["error"])
    #expect(client.events.first?.data.contains(#""statusCode":401"#) == true)
    #expect(client.reader.retries.count == 1)
  }

  @Test("a bare event id is found among the newest hundred of the user, and what came after it is shown")
  func bareEventID() throws {
    let streams = try StreamStage()
    let first = try streams.request("/api/stream/orders?userId=u-1")
    for number in 1...5 {
      try streams.publish("order:fill", user: "u-1", data: #"{"orderId":"o","n":\#(number),"timestamp":"t"}"#)
    }
    try streams.pass(milliseconds: 50)
    let fills = first.events.filter { $0.event == "order:fill" }
    let id = String(try #require(fills.dropFirst(2).first).lastEventID.prefix { $0 != "." })
    let again = try streams.request("/api/stream/orders?userId=u-1&lastEventId=\(id)")
    #expect(again.events.filter { $0.event == "order:fill" }.map(\.data) == fills.suffix(2).map(\.data))
    #expect(!again.body.contains("event: resume"))
  }

  @Test("another user's cursor shows nothing of that user, and loses nothing of one's own")
  func foreignCursor() throws {
    let streams = try StreamStage()
    for user in ["u-1", "u-2"] {
      try streams.publish("alert:new", user: user, data: #"{"alertId":"\#(user)","timestamp":"t"}"#)
    }
    let other = try streams.request("/api/stream/alerts?userId=u-2")
    let own = try streams.request(
      "/api/stream/alerts?userId=u-1", headers: [("Last-Event-ID", other.reader.lastEventID)])
    #expect(own.events.filter { $0.event == "alert:new" }.map(\.data) == [#"{"alertId":"u-1","timestamp":"t"}"#])
  }

  @Test(
    "a client's id is user, stream and moment, another one within the same millisecond, and stands in the connection event"
  )
  func clientIDs() throws {
    let streams = try StreamStage()
    let ids = try (0..<3).map { _ in
      let client = try streams.request("/api/stream/orders?userId=u-1")
      let data = try #require(client.reader.messages.first?.data)
      return String(try #require(data.firstMatch(of: /"clientId":"([^"]+)"/)).output.1)
    }
    #expect(Set(ids).count == 3 && ids.allSatisfy { $0.hasPrefix("u-1-orders-1800000000") })
  }

  @Test("a credential that ends while the stream is open ends it, and says so")
  func expiry() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let until = streams.stage.clock.seconds + 60
    let key = try streams.stage.keys.create(
      KeyGrant(principal: Principal(user: "u-1", role: .viewer), expires: until)
    ).key.text
    let client = try streams.request("/api/stream/orders", headers: [("x-api-key", key)])
    try streams.pass(seconds: 59)
    #expect(client.isOpen)
    try streams.pass(seconds: 2)
    #expect(!client.isOpen && client.events.last?.event == "error")
    #expect(client.events.last?.data.contains(#""code":"expired""#) == true)
  }

  @Test("the header X-Correlation-ID is answered, made where there is none, and stands in each line of the stream")
  func correlation() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/prices", headers: [("X-Correlation-ID", "desk-7.open")])
    streams.close(client, .gone)
    #expect(client.header("X-Correlation-ID") == "desk-7.open")
    #expect(streams.stage.lines.all.allSatisfy { $0.contains(#""correlationId":"desk-7.open""#) })
    #expect(streams.stage.lines.all.count == 2)
    let other = try streams.request("/api/stream/prices", headers: [("X-Correlation-ID", "a b")])
    #expect(other.header("X-Correlation-ID")?.utf8.count == 32)
  }
}
