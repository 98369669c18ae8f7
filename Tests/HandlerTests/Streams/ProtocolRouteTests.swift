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

@Suite("the routes of the other protocols")
struct ProtocolRouteTests {
  @Test("000: frames without a name, with type, data and timestamp, of the types that were asked for")
  func signals() throws {
    let streams = try StreamStage()
    let client = try streams.request("/v1/stream/sse?userId=user-123&subscriptions=signal,proposal&apiKey=x")
    try streams.publish("signal", data: #"{"source":"twitter"}"#)
    try streams.publish("decision", data: #"{"id":"d"}"#)
    try streams.publish("proposal.created", data: #"{"id":"p"}"#)
    try streams.pass(milliseconds: 50)
    let messages = client.reader.messages.dropFirst()
    #expect(messages.map(\.event) == ["message", "message"])
    #expect(messages.first?.data.hasPrefix(#"{"type":"signal","#) == true)
    #expect(messages.first?.data.contains(#""data":{"source":"twitter"}"#) == true)
    #expect(messages.last?.data.contains(#""type":"proposal","name":"proposal.created""#) == true)
    #expect(messages.allSatisfy { $0.data.contains(#""timestamp":"2027-01-15T08:"#) })
    let closed = try StreamStage(["ACCESS": "required"])
    let key = try closed.stage.keys.create(KeyGrant(principal: Principal(user: "user-123", role: .viewer))).key.text
    #expect(try closed.request("/stream/sse?userId=user-123&subscriptions=signal&apiKey=\(key)").status == 200)
    #expect(try closed.request("/stream/sse?userId=user-123&subscriptions=signal").status == 401)
  }

  @Test(
    "002: each event by its name and for onmessage, the connection and a heartbeat each thirty seconds without an id")
  func bothFramings() throws {
    let streams = try StreamStage()
    try streams.publish("signal", user: "u-1", data: #"{"n":0}"#)
    let client = try streams.request("/stream?eventTypes=signal&userId=u-1")
    try streams.publish("signal", data: #"{"n":1}"#)
    try streams.pass(milliseconds: 50)
    let messages = client.reader.messages
    #expect(messages.map(\.event) == ["connection", "signal", "message", "signal", "message"])
    #expect(messages[0].data.hasPrefix(#"{"type":"connection","#))
    #expect(messages[0].data.contains(#""connectionId":""#) && messages[0].data.contains(#""timestamp":"2027-"#))
    // What waited for the user, then what is live.
    #expect(messages[1].data.contains(#""n":0"#) && messages[3].data.contains(#""n":1"#))
    #expect(messages[3].data == messages[4].data && !messages[3].hasOwnID && messages[4].hasOwnID)
    try streams.pass(seconds: 61)
    let beats = client.reader.messages.filter { $0.event == "heartbeat" }
    #expect(
      beats.count == 2 && beats.allSatisfy { !$0.hasOwnID && $0.data.hasPrefix(#"{"type":"heartbeat","timestamp":""#) })
    let id = try #require(messages[0].data.firstMatch(of: /"connectionId":"([^"]+)"/)).output.1
    #expect(beats.allSatisfy { $0.data.contains(#""connectionId":"\#(id)""#) })
  }

  @Test("002: an error's body is the title alone")
  func shortErrors() throws {
    let streams = try StreamStage(["ACCESS": "required"])
    let client = try streams.request("/stream")
    #expect(client.status == 401 && client.body == #"{"error":"Unauthorized"}"#)
  }

  @Test("002: a role sees what it may, among what was asked for")
  func roles() throws {
    let streams = try StreamStage()
    let client = try streams.request("/stream?eventTypes=signal,decision,risk_alert&userId=u-1&role=viewer")
    for type in ["signal", "decision", "risk_alert"] { try streams.publish(type, data: "{}") }
    try streams.pass(milliseconds: 50)
    #expect(client.events.map(\.event) == ["signal", "message"])
  }

  @Test("001: the credit score is said again each thirty seconds, without an id")
  func creditScore() throws {
    let streams = try StreamStage()
    let client = try streams.request("/realtime/sse/credit-score/user456")
    try streams.publish("credit_analysis", user: "user456", data: #"{"score":742}"#)
    try streams.pass(seconds: 61)
    let scores = client.reader.messages.filter { $0.data.contains("742") }
    #expect(scores.count == 3 && scores.allSatisfy { $0.event == "message" && $0.data == scores[0].data })
    #expect(scores.map(\.hasOwnID) == [true, false, false])
    #expect(scores[0].data.hasPrefix(#"{"type":"credit_analysis","data":{"score":742}"#))
  }

  @Test("001: a calculation's stream shows that calculation, ends with its result, and is over for whoever comes back")
  func calculation() throws {
    let streams = try StreamStage()
    let client = try streams.request("/realtime/sse/calculation/c-1?userId=u-1")
    for id in ["c-2", "c-1"] {
      try streams.publish("calculation_progress", user: "u-1", data: #"{"calculation_id":"\#(id)","progress":50}"#)
    }
    try streams.publish("calculation_result", user: "u-1", data: #"{"calculation_id":"c-1","result":7}"#)
    try streams.pass(milliseconds: 50)
    let data = client.reader.messages.dropFirst().map(\.data)
    #expect(data.count == 2 && data.allSatisfy { $0.contains("c-1") } && !client.isOpen)
    let other = try streams.request("/realtime/sse/calculation/c-1?userId=u-2")
    #expect(!other.body.contains("result") && other.isOpen)
    let again = try streams.request(
      "/realtime/sse/calculation/c-1?userId=u-1", headers: [("Last-Event-ID", client.reader.lastEventID)])
    #expect(again.status == 204)
    let late = try streams.request("/realtime/sse/calculation/c-1?userId=u-1")
    #expect(late.body.contains("result") && !late.isOpen)
  }

  @Test("001: market updates are public types, readable by onmessage")
  func marketUpdates() throws {
    let streams = try StreamStage()
    let client = try streams.request("/realtime/sse/market-updates")
    try streams.publish("market_alert", data: #"{"alert":{"text":"x"}}"#)
    try streams.pass(milliseconds: 50)
    #expect(client.reader.messages.last?.data.hasPrefix(#"{"type":"market_alert","alert":{"text":"x"}"#) == true)
  }

  @Test("004: channels and data types with symbols; symbols alone filter whatever was named")
  func subscribe() throws {
    let streams = try StreamStage()
    let client = try streams.request(
      "/streaming/subscribe/sse", method: "POST",
      body: #"{"channels":["stream:market_data:AAPL"],"data_types":["news"],"symbols":["TSLA"]}"#)
    for symbol in ["AAPL", "TSLA"] {
      for type in ["market_data", "news"] {
        try streams.publish("stream:\(type)", data: #"{"symbol":"\#(symbol)","of":"\#(type)"}"#)
      }
    }
    try streams.pass(milliseconds: 50)
    let data = client.reader.messages.dropFirst().map(\.data)
    #expect(data.count == 2)
    #expect(
      data.first?.hasPrefix(#"{"type":"data","message":{"channel":"stream:market_data:AAPL","data_type":"market_data""#)
        == true)
    #expect(data.last?.contains(#""channel":"stream:news:TSLA""#) == true)
  }
}
