import ConnectionStore
import EventLog
import Frames
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import StreamHandler

@Suite("streams when something fails")
struct StreamFailureTests {
  @Test("a table that cannot be used is answered 500 with 003's words, and in a stream to whoever was let in before")
  func table() throws {
    let stage = Stage()
    let first = try StreamStage(stage: stage, table: FailingTable(stage.table, failing: 1)).request(
      "/api/stream/prices")
    #expect(first.status == 500)
    #expect(
      first.body
        == #"{"error":"Internal Server Error","message":"Failed to establish SSE connection","statusCode":500}"#)
    let again = try StreamStage(stage: stage, table: FailingTable(stage.table, failing: 1))
      .request("/api/stream/prices", headers: [("Last-Event-ID", "1-a.AQ")])
    #expect(again.status == 200 && again.events.map(\.event) == ["error"] && again.reader.retries.count == 1)
    let short = try StreamStage(stage: stage, table: FailingTable(stage.table, failing: 1)).request("/stream")
    #expect(short.status == 500 && short.body == #"{"error":"Internal Server Error"}"#)
  }

  @Test("a log that was made anew is told to whoever comes back from the one before, and a forgotten part too")
  func otherLog() throws {
    let streams = try StreamStage()
    try streams.price("AAPL", "1.00")
    let first = try streams.request("/api/stream/prices")
    streams.close(first, .gone)
    // After a month the head is forgotten, and the next event begins another log.
    streams.stage.clock.advance(seconds: 40 * 86_400)
    try streams.price("AAPL", "2.00")
    let again = try streams.request("/api/stream/prices", headers: [("Last-Event-ID", first.reader.lastEventID)])
    #expect(again.events.map(\.event) == ["resume", "price:update"])
    #expect(again.events.first?.data.contains(#""reason":"epoch""#) == true)
    #expect(again.events.last?.data.contains("2.00") == true)
  }

  @Test("whoever is cut before the state of a return was whole is told again what it missed")
  func cutBeforeStateOfReturn() throws {
    let streams = try StreamStage(["REPLAY_EVENTS": "5"])
    let path = "/stream/sse?subscriptions=signal,risk&userId=u-1&role=admin"
    let first = try streams.request(path)
    try streams.publish("signal", data: #"{"n":1}"#)
    try streams.publish("risk", data: #"{"n":2}"#)
    try streams.pass(milliseconds: 50)
    streams.close(first, .gone)
    for number in 0..<200 { _ = try streams.stage.publish(#"{"type":"signal","key":"k","data":{"n":\#(number)}}"#) }
    try streams.publish("risk", data: #"{"key":"a"}"#)
    let torn = try streams.request(path, headers: [("Last-Event-ID", first.reader.lastEventID)])
    let connection = try #require(torn.reader.messages.first)
    #expect(torn.body.contains(#""reason":"trimmed""#) && torn.body.contains(#"{"key":"a"}"#))
    streams.close(torn, .gone)
    let again = try streams.request(path, headers: [("Last-Event-ID", connection.lastEventID)])
    // The first is the connection.
    #expect(again.events.dropFirst().map(\.data) == torn.events.dropFirst().map(\.data))
    // No state followed: what was told is the place.
    let told = try #require(torn.events.dropFirst().first)
    #expect(told.hasOwnID)
    let after = try streams.request(path, headers: [("Last-Event-ID", told.lastEventID)])
    #expect(after.events.dropFirst().map(\.data) == torn.events.dropFirst(2).map(\.data))
  }

  @Test("the invocation's end ends a stream two seconds before it, cleanly and with the place to go on from")
  func deadline() throws {
    let streams = try StreamStage(["STREAM_SLICE_SECONDS": "840"])
    let client = try streams.request("/api/stream/prices")
    var price = 0
    while client.isOpen, price < 2_000 {
      price += 1
      try streams.price("AAPL", "\(price).00")
      try streams.pass(milliseconds: 1_000)
    }
    #expect(price == 898)
    let again = try streams.request("/api/stream/prices", headers: [("Last-Event-ID", client.reader.lastEventID)])
    #expect(again.events.isEmpty)
    #expect(streams.stage.lines(saying: "event stream ended").first?.contains(#""reason":"deadline""#) == true)
  }
}
