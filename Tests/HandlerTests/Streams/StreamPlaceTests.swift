import EventLog
import Frames
import Messaging
import TestSupport
import Testing

@testable import StreamHandler

@Suite("where a stream's client is")
struct StreamPlaceTests {
  private static let signals = "/stream/sse?subscriptions=signal"

  private func signals(_ range: ClosedRange<Int>, to streams: StreamStage) throws {
    for number in range { try streams.publish("signal", data: #"{"n":\#(number)}"#) }
  }

  private func numbers(_ client: StreamStage.OpenAnswer) -> [Int] {
    client.events.compactMap { $0.data.firstMatch(of: /"n":(\d+)/).flatMap { Int($0.output.1) } }
  }

  @Test("whoever is cut inside what was written together goes on after the last frame that came whole")
  func insideWrite() throws {
    let streams = try StreamStage()
    let client = try streams.request(Self.signals)
    try signals(1...3, to: streams)
    try streams.pass(milliseconds: 50)
    #expect(numbers(client) == [1, 2, 3])
    // The first is the connection.
    for (event, rest) in zip(client.events.dropFirst(), [[2, 3], [3], []]) {
      let again = try streams.request(Self.signals, headers: [("Last-Event-ID", event.lastEventID)])
      #expect(numbers(again) == rest)
    }
  }

  @Test("the closing frame says how far the log was read, also of what was not for this client")
  func closingFrame() throws {
    let streams = try StreamStage()
    let client = try streams.request("/api/stream/prices?symbols=GOOGL")
    for price in 1...3 { try streams.price("AAPL", "\(price).00") }
    try streams.pass(seconds: 400)
    #expect(!client.isOpen && client.events.isEmpty)
    let stream = "all/price:update"
    let head = try #require(try StreamLog(table: streams.stage.table).head(stream: stream))
    let cursor = try #require(client.reader.lastEventID.split(separator: ".").last.flatMap { Cursor(String($0)) })
    #expect(cursor.sequence(of: stream, epoch: head.epoch) == 3)
  }

  @Test("who opens between an append and the next look at the log has what was appended once")
  func betweenLooks() throws {
    let streams = try StreamStage()
    let first = try streams.request(Self.signals)
    try signals(1...1, to: streams)
    let second = try streams.request("\(Self.signals)&cursor=\(first.reader.lastEventID)")
    try signals(2...2, to: streams)
    try streams.pass(milliseconds: 50)
    #expect(numbers(first) == [1, 2] && numbers(second) == [1, 2])
  }

  @Test("streams that began together end at different moments, and their clients are told different times to come back")
  func jitter() throws {
    let streams = try StreamStage()
    let clients = try (0..<20).map { _ in try streams.request(Self.signals) }
    try streams.pass(seconds: 299)
    var open: Set<Int> = []
    for _ in 0..<35 {
      open.insert(clients.count(where: \.isOpen))
      try streams.pass(seconds: 1)
    }
    #expect(open.count > 5 && clients.allSatisfy { !$0.isOpen })
    #expect(Set(clients.compactMap(\.reader.retries.last)).count > 5)
  }

  @Test("of a type that conflates the newest of each key comes of what was read together; of others each one")
  func conflation() throws {
    let streams = try StreamStage()
    let prices = try streams.request("/api/stream/prices")
    let client = try streams.request(Self.signals)
    for price in 1...5 { try streams.price("AAPL", "\(price).00") }
    for price in 1...2 { try streams.price("GOOGL", "\(price).00") }
    try signals(1...5, to: streams)
    try streams.pass(milliseconds: 50)
    #expect(
      prices.events.map(\.data) == [
        #"{"symbol":"AAPL","price":5.00,"timestamp":"t"}"#, #"{"symbol":"GOOGL","price":2.00,"timestamp":"t"}"#,
      ])
    #expect(numbers(client) == [1, 2, 3, 4, 5])
  }

  @Test("FRAMES_PER_SECOND counts writes: twenty at once, then one a second; what is urgent comes at once")
  func pace() throws {
    let streams = try StreamStage(["FRAMES_PER_SECOND": "1"])
    let client = try streams.request(Self.signals)
    for number in 1...40 {
      try signals(number...number, to: streams)
      try streams.pass(milliseconds: 20)
    }
    let early = numbers(client).count
    #expect(early >= 20 && early < 40 && numbers(client) == Array(1...early))
    try streams.pass(seconds: 1)
    #expect(numbers(client) == Array(1...40))
    try signals(41...41, to: streams)
    try streams.pass(milliseconds: 40)
    #expect(numbers(client) == Array(1...40))
    _ = try streams.stage.publish(#"{"type":"signal","priority":"high","data":{"n":42}}"#)
    try streams.pass(milliseconds: 40)
    #expect(numbers(client) == Array(1...42))
  }
}
