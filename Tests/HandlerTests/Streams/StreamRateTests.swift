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

@Suite("how fast a stream is written")
struct StreamRateTests {
  /// Publishing takes its time in the stage's clock too: so many writes there may have been since a moment.
  private func most(_ streams: StreamStage, since start: Int64, perSecond: Int64) -> Int {
    22 + Int((streams.stage.clock.clock.milliseconds() - start) * perSecond / 1_000)
  }

  @Test(
    "of prices that come faster than FRAMES_PER_SECOND a client gets so many writes, the newest of each symbol, and the last"
  )
  func conflation() throws {
    let streams = try StreamStage(["FRAMES_PER_SECOND": "1"])
    let start = streams.stage.clock.clock.milliseconds()
    let client = try streams.request("/api/stream/prices?symbols=AAPL,GOOGL")
    for number in 0..<500 {
      try streams.price(number % 2 == 0 ? "AAPL" : "GOOGL", "\(number).00")
      try streams.pass(milliseconds: 10)
    }
    try streams.pass(milliseconds: 1_500)
    #expect(client.writes <= most(streams, since: start, perSecond: 1))
    let prices = client.events.compactMap { $0.data.firstMatch(of: /"symbol":"(\w+)","price":(\d+)/) }
    // In a write no symbol stands twice.
    #expect(prices.count <= 2 * client.writes && prices.count < 400)
    for symbol in ["AAPL", "GOOGL"] {
      let own = prices.filter { $0.output.1 == symbol }.compactMap { Int($0.output.2) }
      #expect(own == own.sorted())
      #expect(own.last == (symbol == "AAPL" ? 498 : 499))
    }
  }

  @Test("fills are slowed down as well, and every one of them comes")
  func everyEvent() throws {
    let streams = try StreamStage(["FRAMES_PER_SECOND": "1"])
    let start = streams.stage.clock.clock.milliseconds()
    let client = try streams.request("/api/stream/orders?userId=u-1")
    for number in 0..<200 {
      try streams.publish("order:fill", user: "u-1", data: #"{"orderId":"o","n":\#(number)}"#)
      try streams.pass(milliseconds: 20)
    }
    try streams.pass(milliseconds: 1_500)
    let numbers = client.events.compactMap { $0.data.firstMatch(of: /"n":(\d+)/) }.compactMap { Int($0.output.1) }
    #expect(numbers == Array(0..<200))
    #expect(client.writes <= most(streams, since: start, perSecond: 1) && client.writes < 100)
  }

  @Test("an alarm about an error does not wait for its turn, another one does")
  func urgent() throws {
    let streams = try StreamStage(["FRAMES_PER_SECOND": "1"])
    let client = try streams.request("/api/stream/alerts?userId=u-1")
    var published = 0
    func alert(_ level: String) throws {
      published += 1
      try streams.publish("alert:new", user: "u-1", data: #"{"alertId":"\#(published)","level":"\#(level)"}"#)
      try streams.pass(milliseconds: 21)
    }
    while client.events.count == published { try alert("info") }
    // Until it has just had its turn.
    while client.events.count < published { try streams.pass(milliseconds: 10) }
    try alert("info")
    #expect(client.events.count == published - 1)
    try alert("error")
    #expect(client.events.count == published)
  }

  @Test("the silence before a comment counts from whatever was written last, and the slice from the last event")
  func silence() throws {
    let streams = try StreamStage(["STREAM_SLICE_SECONDS": "60"])
    let client = try streams.request("/api/stream/prices")
    try streams.pass(seconds: 20)
    try streams.price("AAPL", "1.00")
    try streams.pass(milliseconds: 29_900)
    #expect(client.reader.comments.isEmpty && client.named.count == 1)
    try streams.pass(milliseconds: 200)
    #expect(client.reader.comments == ["keepalive"])
    // 70 seconds after it began, 50 after the event.
    try streams.pass(milliseconds: 19_900)
    #expect(client.isOpen)
    try streams.pass(seconds: 17)
    #expect(!client.isOpen)
  }
}
