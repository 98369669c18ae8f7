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

@Suite("the stream of prices")
struct PriceStreamTests {
  static let path = "/api/stream/prices?symbols=AAPL,GOOGL"

  @Test(
    "it begins with the connection, then the last value of each symbol that was asked for, flagged, and then live events"
  )
  func opening() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    try streams.price("AAPL", "152.50")
    try streams.price("MSFT", "9.00")
    try streams.price("GOOGL", "140.10")
    let client = try streams.request(Self.path)
    #expect(client.status == 200 && client.header("Content-Type") == "text/event-stream")
    #expect(client.reader.messages.first?.event == "connection")
    #expect(
      client.named == [
        #"price:update {"symbol":"AAPL","price":152.50,"timestamp":"t","initializing":true}"#,
        #"price:update {"symbol":"GOOGL","price":140.10,"timestamp":"t","initializing":true}"#,
      ])
    try streams.price("MSFT", "9.10")
    try streams.price("AAPL", "152.75")
    try streams.pass(milliseconds: 50)
    #expect(client.named.dropFirst(2) == [#"price:update {"symbol":"AAPL","price":152.75,"timestamp":"t"}"#])
  }

  @Test("the fields of a frame stand in the order event, data, id, retry, and retry is 5000")
  func fieldOrder() throws {
    let streams = try StreamStage()
    let client = try streams.request(Self.path)
    try streams.price("AAPL", "1.00")
    try streams.pass(milliseconds: 50)
    #expect(client.reader.blocks.allSatisfy { $0 == ["event", "data", "id", "retry"] })
    #expect(client.reader.retries == [5_000, 5_000])
    let id = try #require(client.events.last?.lastEventID)
    let dot = try #require(id.firstIndex(of: "."))
    #expect(EventTime.milliseconds(ofID: String(id[..<dot])) == streams.stage.clock.clock.milliseconds() - 50)
    #expect(Cursor(String(id[id.index(after: dot)...]))?.isEmpty == false)
  }

  @Test("a comment goes out after thirty seconds of silence, and the stream ends after five minutes without an event")
  func idle() throws {
    let streams = try StreamStage()
    let client = try streams.request(Self.path)
    try streams.pass(milliseconds: 29_999)
    #expect(client.reader.comments.isEmpty)
    try streams.pass(milliseconds: 1)
    #expect(client.reader.comments == ["keepalive"] && client.body.hasSuffix(": keepalive\n\n"))
    try streams.pass(milliseconds: 269_999)
    #expect(client.isOpen)
    try streams.pass(seconds: 31)
    #expect(!client.isOpen)
    let last = try #require(client.reader.retries.last)
    #expect(last >= 2_500 && last <= 7_500)
    #expect(streams.stage.lines(saying: "event stream ended").count == 1)
    let line = try #require(streams.stage.lines(saying: "event stream ended").first)
    #expect(line.contains(#""reason":"slice""#) && line.contains(#""clientId":"anonymous-prices-"#))
  }

  @Test("whoever comes back with the newest id gets what it missed, every event once and in order, and no state again")
  func resumption() throws {
    let streams = try StreamStage()
    try streams.price("AAPL", "1.00")
    let first = try streams.request(Self.path)
    try streams.price("AAPL", "2.00")
    try streams.pass(milliseconds: 50)
    streams.close(first, .gone)
    try streams.price("AAPL", "3.00")
    try streams.price("GOOGL", "4.00")
    let id = first.reader.lastEventID
    for spelling in ["lastEventId", "last_event_id", "cursor"] {
      let again = try streams.request("\(Self.path)&\(spelling)=\(id)")
      #expect(
        again.events.map(\.data).map { String($0.prefix(30)) } == [
          #"{"symbol":"AAPL","price":3.00,"#, #"{"symbol":"GOOGL","price":4.00"#,
        ])
    }
    let again = try streams.request(Self.path, headers: [("Last-Event-ID", id)])
    #expect(again.events.count == 2 && !again.body.contains("initializing"))
  }

  @Test("whoever is cut before the state, with nothing but the connection's id, gets the state again")
  func cutBeforeState() throws {
    let streams = try StreamStage()
    try streams.price("AAPL", "1.00")
    let first = try streams.request(Self.path)
    let connection = try #require(first.reader.messages.first)
    let again = try streams.request(Self.path, headers: [("Last-Event-ID", connection.lastEventID)])
    #expect(again.named == first.named && again.named.count == 1)
    let after = try streams.request(Self.path, headers: [("Last-Event-ID", first.reader.lastEventID)])
    #expect(after.named.isEmpty)
  }

  @Test(
    "an id that nobody wrote is no error: the client is told that it is not known where it was, and gets the state",
    arguments: [
      "1234567890-abc", "1234567890-abc.", "x", "....", "1-a.AAAA", "AQ", String(repeating: "A", count: 9_000),
    ])
  func foreignIDs(id: String) throws {
    let streams = try StreamStage()
    try streams.price("AAPL", "1.00")
    let client = try streams.request(Self.path, headers: [("Last-Event-ID", id)])
    #expect(client.status == 200)
    let names = client.events.map(\.event)
    #expect(names == (id == "AQ" ? ["price:update"] : ["resume", "price:update"]))
    if id != "AQ" { #expect(client.events.first?.data.contains(#""reason":"unknown""#) == true) }
  }

  @Test("ten thousand symbols are refused before anything is read, with a status and JSON")
  func manySymbols() throws {
    let streams = try StreamStage()
    let symbols = (0..<10_000).map { "S\($0)" }.joined(separator: ",")
    let client = try streams.request("/api/stream/prices?symbols=\(symbols)")
    #expect(client.status == 400 && client.header("Content-Type") == "application/json")
    #expect(client.body.contains("10000 subscriptions are too many") && !client.isOpen)
  }

  @Test("whatever stands in an event, a frame stays a frame: line breaks, NUL and escapes forge no field")
  func injection() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/prices")
    _ = try streams.stage.publish(
      "{\"type\":\"price:update\",\"key\":\"K\",\"data\":{\"a\":\r\n\"x\\nid: 1\\r\\n\\r\\nevent: order:update\\u0000\"\r,\n\"b\":1}}"
    )
    try streams.pass(milliseconds: 50)
    #expect(client.events.map(\.event) == ["price:update"])
    #expect(client.reader.blocks.last?.filter { $0 != "data" } == ["event", "id", "retry"])
    let data = try #require(client.events.last?.data)
    #expect(data.contains(#""x\nid: 1\r\n\r\nevent: order:update\u0000""#))
  }

  @Test("a reader that takes nothing for five minutes is cut, and what waits for it has a bound")
  func stuckReader() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/prices")
    client.isStuck = true
    let pad = String(repeating: "x", count: 40_000)
    for number in 0..<100 {
      try streams.publish("price:update", data: #"{"symbol":"S\#(number)","pad":"\#(pad)"}"#)
      try streams.pass(milliseconds: 50)
    }
    #expect(client.isOpen && client.writer.pendingBytes < 400_000)
    try streams.pass(seconds: 301)
    #expect(!client.isOpen)
    #expect(streams.stage.lines(saying: "event stream ended").first?.contains(#""reason":"stuck""#) == true)
  }
}
