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

@Suite("how many streams there are")
struct StreamLimitTests {
  @Test("the eleventh stream of a user closes the oldest, which is told within five seconds")
  func eleven() throws {
    let streams = try StreamStage()
    let clients = try (0..<11).map { _ in
      try streams.pass(milliseconds: 10)
      return try streams.request("/api/stream/alerts?userId=u-1")
    }
    try streams.pass(milliseconds: 5_100)
    #expect(clients.map(\.isOpen) == [false] + Array(repeating: true, count: 10))
    #expect(clients[0].events.last?.event == "error")
    #expect(clients[0].events.last?.data.contains(#""code":"limit""#) == true)
    #expect(streams.stage.lines(saying: "event stream ended").first?.contains(#""reason":"limit""#) == true)
  }

  @Test("WebSockets count with the streams, and the oldest of both goes")
  func webSocket() throws {
    let streams = try StreamStage()
    _ = try streams.stage.connect([("userId", "u-1")])
    try streams.pass(milliseconds: 100)
    for _ in 0..<10 {
      try streams.pass(milliseconds: 10)
      #expect(try streams.request("/api/stream/alerts?userId=u-1").status == 200)
    }
    #expect(streams.stage.ear.closed == [streams.stage.id.text])
    #expect(streams.stage.ear.posts.last?.frame.contains(#""code":"limit""#) == true)
  }

  @Test("a thousand opened and cut streams leave nothing: no followed stream, no row, no answer")
  func nothingLeft() throws {
    let streams = try StreamStage(["MAX_CONNECTIONS_PER_USER": "100000"])
    for number in 0..<1_000 {
      let path = number % 2 == 0 ? "/api/stream/prices" : "/api/stream/orders?userId=u-\(number % 7)"
      let client = try streams.request(path)
      streams.close(client, .gone)
      try streams.pass(milliseconds: 700)
    }
    #expect(streams.handler.sources.follower.count == 0)
    #expect(streams.handler.held.anonymous == 0)
    #expect(try streams.handler.held.streams.totals() == EventStreamTotals())
  }

  @Test("whoever opens streams a hundred times a second is answered 429 with a Retry-After before the first success")
  func hammer() throws {
    let streams = try StreamStage(["MAX_CONNECTIONS_PER_USER": "100000"])
    var statuses: [Int] = []
    for _ in 0..<200 {
      let client = try streams.request("/api/stream/alerts?userId=u-1")
      statuses.append(client.status)
      if client.status == 429 { #expect(Int(client.header("Retry-After") ?? "") ?? 0 > 0) }
      streams.close(client, .gone)
      try streams.pass(milliseconds: 10)
    }
    #expect(statuses.first == 200 && statuses.last == 429)
  }

  @Test("metrics tell how many there are; of whom only where everybody may know, or an admin asks")
  func metrics() throws {
    let open = try StreamStage()
    for user in ["u-1", "u-1", "u-2"] { try open.request("/api/stream/orders?userId=\(user)") }
    try open.request("/api/stream/prices")
    let told = try open.request("/api/stream/metrics").body
    #expect(
      told.contains(
        #""totalClients":4,"totalUsers":2,"clientsPerUser":[{"userId":"u-1","clientCount":2},{"userId":"u-2","clientCount":1}]"#
      ))
    #expect(told.hasPrefix(#"{"timestamp":"2027-"#) && told.contains(#""peakMemoryBytes":"#))
    let closed = try StreamStage(["ACCESS": "required"])
    #expect(try closed.request("/api/stream/metrics").body.contains("clientsPerUser") == false)
    let admin = try closed.stage.keys.create(KeyGrant(principal: Principal(user: nil, role: .admin))).key.text
    #expect(try closed.request("/api/stream/metrics", headers: [("x-api-key", admin)]).body.contains("clientsPerUser"))
  }

  @Test("a ticket opens a stream once, and again only with an id that was read on it")
  func tickets() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let key = try streams.stage.keys.create(KeyGrant(principal: Principal(user: "u-1", role: .viewer))).key.text
    let answer = try streams.request("/ticket", method: "POST", headers: [("x-api-key", key)])
    let ticket = String(try #require(answer.body.firstMatch(of: /"ticket":"([^"]+)"/)).output.1)
    let first = try streams.request("/api/stream/alerts?ticket=\(ticket)")
    try streams.publish("alert:new", user: "u-1", data: #"{"alertId":"1","timestamp":"t"}"#)
    try streams.pass(milliseconds: 50)
    #expect(first.status == 200 && first.events.last?.event == "alert:new")
    #expect(try streams.request("/api/stream/alerts?ticket=\(ticket)").status == 401)
    streams.close(first, .gone)
    try streams.publish("alert:new", user: "u-1", data: #"{"alertId":"2","timestamp":"t"}"#)
    let again = try streams.request(
      "/api/stream/alerts?ticket=\(ticket)", headers: [("Last-Event-ID", first.reader.lastEventID)])
    #expect(again.events.map(\.data) == [#"{"alertId":"2","timestamp":"t"}"#])
    let forged = String(first.reader.lastEventID.dropLast(3)) + "AAA"
    let refused = try streams.request("/api/stream/alerts?ticket=\(ticket)", headers: [("Last-Event-ID", forged)])
    #expect(refused.status == 204)
  }
}

@Suite("what is answered whole")
struct WholeAnswerTests {
  @Test("an analysis is published to its user, by the user or an admin, with the request's correlation id")
  func analyzeCredit() throws {
    let streams = try StreamStage(["PUBLISHER_FUNCTION": "Publisher"])
    let client = try streams.request("/realtime/sse/credit-score/user456")
    let answer = try streams.request(
      "/api/analyze-credit/user456", method: "POST", headers: [("X-Correlation-ID", "req-7")], body: #"{"score":742}"#)
    #expect(answer.status == 200 && answer.body == #"{"status":"analysis_complete"}"#)
    try streams.stage.runInvocations()
    try streams.pass(milliseconds: 50)
    #expect(client.reader.messages.last?.data.contains(#""data":{"score":742}"#) == true)
    let closed = try StreamStage(["ACCESS": "required", "PUBLISHER_FUNCTION": "Publisher"])
    let key = try closed.stage.keys.create(KeyGrant(principal: Principal(user: "u-1", role: .viewer))).key.text
    let other = try closed.request("/api/analyze-credit/u-2", method: "POST", headers: [("x-api-key", key)], body: "{}")
    #expect(other.status == 403 && closed.stage.invocations.payloads.isEmpty)
    #expect(try streams.request("/api/analyze-credit/u-2", method: "POST", body: "{").status == 400)
  }

  @Test("a test event comes to every stream, and only an admin sends one")
  func test() throws {
    let streams = try StreamStage(["PUBLISHER_FUNCTION": "Publisher"])
    let client = try streams.request("/api/stream/prices")
    #expect(try streams.request("/api/stream/test", method: "POST").status == 200)
    try streams.stage.runInvocations()
    try streams.pass(milliseconds: 50)
    #expect(client.events.last?.event == "announcement")
    #expect(try streams.request("/api/stream/test?role=viewer", method: "POST").status == 403)
  }

  @Test("004: channels with a message, and the newest message of one, until it is too old")
  func latest() throws {
    let streams = try StreamStage()
    try streams.publish("stream:market_data", data: #"{"symbol":"AAPL","raw_data":"x"}"#)
    #expect(try streams.request("/streaming/channels").body == #"{"channels":["stream:market_data:AAPL"]}"#)
    let latest = try streams.request("/streaming/latest/stream:market_data:AAPL")
    #expect(
      latest.status == 200 && latest.body.hasPrefix(#"{"channel":"stream:market_data:AAPL","data_type":"market_data""#))
    #expect(try streams.request("/streaming/latest/stream:market_data:MSFT").status == 404)
    streams.stage.clock.advance(seconds: 3_601)
    #expect(try streams.request("/streaming/latest/stream:market_data:AAPL").status == 404)
  }

  @Test("history goes page by page from a cursor, the oldest first, and says whether there is more")
  func history() throws {
    let streams = try StreamStage()
    for number in 1...5 { try streams.publish("signal", data: #"{"n":\#(number)}"#) }
    var cursor = ""
    var seen: [String] = []
    for _ in 0..<3 {
      let page = try streams.request("/history?eventTypes=signal&limit=2&since=\(cursor)").body
      seen += page.matches(of: /"n":(\d)/).map { String($0.output.1) }
      cursor = String(try #require(page.firstMatch(of: /"cursor":"([^"]*)"/)).output.1)
      #expect(page.contains(#""more":true"#) == (seen.count < 5))
    }
    #expect(seen == ["1", "2", "3", "4", "5"])
    #expect(try streams.request("/history?limit=0").status == 400)
  }
}

@Suite("the state of a user")
struct UserSnapshotTests {
  @Test("orders and positions come first, in one frame each, with the flag and what the positions are worth")
  func snapshots() throws {
    let streams = try StreamStage()
    try streams.publish(
      "order:update", user: "u-1", data: #"{"orderId":"o-1","symbol":"AAPL","status":"new","qty":10}"#)
    try streams.publish("order:fill", user: "u-1", data: #"{"orderId":"o-1","filledQty":10,"filledAvgPrice":150.25}"#)
    try streams.publish(
      "position:update", user: "u-1", data: #"{"symbol":"AAPL","quantity":"10","currentPrice":"152.50"}"#)
    let client = try streams.request("/api/stream/trading?userId=u-1")
    let orders = try #require(client.events.first)
    #expect(orders.event == "order:update" && orders.data.hasPrefix(#"{"snapshot":true,"orders":[{"orderId":"o-1""#))
    #expect(orders.data.contains(#""status":"filled""#) && !orders.hasOwnID)
    let positions = client.events[1]
    #expect(positions.event == "position:update" && positions.data.contains(#""totalValue":1525.00"#))
    #expect(positions.data.contains(#""positions":[{"symbol":"AAPL""#) && positions.hasOwnID)
    let empty = try streams.request("/api/stream/orders?userId=u-9")
    #expect(empty.events.first?.data.hasPrefix(#"{"snapshot":true,"orders":[],"timestamp":""#) == true)
  }

  @Test("a strategy that the user does not have is answered 404 with 003's words; one that it has is streamed alone")
  func strategies() throws {
    let streams = try StreamStage()
    for id in ["s-1", "s-2"] {
      try streams.publish("strategy:update", user: "u-1", data: #"{"strategyId":"\#(id)","status":"started"}"#)
    }
    let missing = try streams.request("/api/stream/strategies/s-9?userId=u-1")
    #expect(missing.status == 404)
    #expect(missing.body == #"{"error":"Not Found","message":"Strategy not found","statusCode":404}"#)
    #expect(try streams.request("/api/stream/strategies/s-1?userId=u-2").status == 404)
    let client = try streams.request("/api/stream/strategies/s-1?userId=u-1")
    for id in ["s-2", "s-1"] {
      try streams.publish("strategy:update", user: "u-1", data: #"{"strategyId":"\#(id)","status":"stopped"}"#)
    }
    try streams.pass(milliseconds: 50)
    #expect(
      client.status == 200 && !client.body.contains("s-2") && client.events.last?.data.contains("stopped") == true)
  }
}

@Suite("streams that are compressed")
struct CompressedStreamTests {
  @Test("with gzip a stream is one member, of which every write can be read at once, and a fraction of the bytes")
  func gzip() throws {
    let streams = try StreamStage()
    let plain = try streams.request("/api/stream/prices")
    let client = try streams.request("/api/stream/prices", headers: [("Accept-Encoding", "gzip")])
    #expect(client.header("Content-Encoding") == "gzip" && client.header("Vary")?.contains("Accept-Encoding") == true)
    for number in 0..<100 {
      try streams.price("AAPL", "15\(number).25")
      try streams.pass(milliseconds: 50)
    }
    try streams.pass(seconds: 400)
    #expect(!client.isOpen && !plain.isOpen)
    let inflated = try #require(Gzip.decompress(client.bytes, maximumBytes: 1 << 20))
    var reader = EventSourceReader()
    reader.read(inflated)
    #expect(reader.messages.filter { $0.event == "price:update" }.map(\.data) == plain.events.map(\.data))
    #expect(client.bytes.count * 10 < plain.bytes.count * 4)
  }
}
