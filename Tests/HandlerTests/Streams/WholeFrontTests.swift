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

@Suite("fronts that cannot stream, and fronts that hold back")
struct WholeFrontTests {
  private static let prices = "/api/stream/prices?symbols=AAPL"

  /// What a client reads that gets whole answers only, and what it would bring back.
  private struct Poll {
    let answer: HTTPAnswer
    var reader = EventSourceReader()

    init(_ streams: StreamStage, _ front: HTTPFront, lastEventID: String? = nil) throws {
      let event = HTTPEvent(
        context: HTTPRequestContext(
          front: front, requestID: "q", domainName: "a1.execute-api.eu-west-1.amazonaws.com",
          sourceAddress: "203.0.113.7"),
        method: "GET", path: "/api/stream/prices", rawQuery: "symbols=AAPL",
        headers: lastEventID.map { [(name: "Last-Event-ID", value: $0)] } ?? [])
      let writer = ResponseWriter()
      let now = streams.stage.clock.clock.milliseconds()
      let context = InvocationContext(requestID: "i", deadlineMilliseconds: now + 900_000)
      guard case .whole = try streams.handler.open(event.encoded(), context: context, writer: writer) else {
        Issue.record("it streams")
        answer = HTTPAnswer(500)
        return
      }
      #expect(writer.consumeHead() == nil)
      answer = try HTTPAnswer(decoding: writer.consumeDocument() ?? [], from: front)
      reader.read(answer.body)
    }
  }

  @Test(
    "a front that cannot stream gets what there is at once, and whoever comes back after `retry` misses nothing",
    arguments: [HTTPFront.httpAPI, .restAPI])
  func polling(front: HTTPFront) throws {
    let streams = try StreamStage(front == .restAPI ? ["STREAM_WHOLE_ANSWERS": "1"] : [:])
    try streams.price("AAPL", "1.00")
    var poll = try Poll(streams, front)
    #expect(poll.answer.status == 200)
    #expect(poll.answer.headers.contains { $0.name == "Content-Type" && $0.value == "text/event-stream" })
    #expect(poll.reader.messages.map(\.event) == ["connection", "price:update"])
    var shown: [String] = []
    for number in 2...5 {
      try streams.price("AAPL", "\(number).00")
      try streams.price("AAPL", "\(number).50")
      poll = try Poll(streams, front, lastEventID: poll.reader.lastEventID)
      shown += poll.reader.messages.filter { $0.event == "price:update" }.map { String($0.data.prefix(29)) }
      let retry = try #require(poll.reader.retries.last)
      #expect(retry >= 2_500 && retry <= 7_500)
    }
    #expect(shown == (2...5).flatMap { n in ["00", "50"].map { #"{"symbol":"AAPL","price":\#(n).\#($0)"# } })
    #expect(
      try Poll(streams, front, lastEventID: poll.reader.lastEventID).reader.messages.map(\.event) == ["connection"])
    // Nothing of it is held.
    #expect(streams.handler.sources.follower.count == 0 && streams.handler.held.anonymous == 0)
    #expect(streams.stage.lines(saying: "event stream ended").first?.contains(#""reason":"whole""#) == true)
  }

  @Test("a refusal is an answer in one piece as well")
  func refusal() throws {
    let streams = try StreamStage(["STREAM_WHOLE_ANSWERS": "1"])
    let poll = try Poll(streams, .httpAPI, lastEventID: nil)
    #expect(poll.answer.status == 200)
    let event = HTTPEvent(
      context: HTTPRequestContext(front: .restAPI, requestID: "q", sourceAddress: "203.0.113.7"), method: "GET",
      path: "/api/stream/nothing")
    let writer = ResponseWriter()
    let context = InvocationContext(requestID: "i", deadlineMilliseconds: 1_900_000_000_000)
    _ = try streams.handler.open(event.encoded(), context: context, writer: writer)
    #expect(try HTTPAnswer(decoding: writer.consumeDocument() ?? [], from: .restAPI).status == 404)
  }

  @Test("STREAM_PAD_BYTES open a stream with a comment that gzip does not shrink")
  func padding() throws {
    let streams = try StreamStage(["STREAM_PAD_BYTES": "20000"])
    let client = try streams.request(Self.prices)
    #expect(client.body.hasPrefix(": ") && client.bytes.count > 20_000)
    #expect(client.reader.messages.map(\.event) == ["connection"])
    let compressed = try streams.request(Self.prices, headers: [("Accept-Encoding", "gzip")])
    // Hexadecimal digits hold four bits each.
    #expect(compressed.bytes.count > 10_000)
    #expect(try StreamStage().request(Self.prices).bytes.count < 1_000)
  }

  @Test("with STREAM_SECOND_CHUNK an empty comment follows each event in a write of its own, and none without")
  func secondChunk() throws {
    for sends in [true, false] {
      let streams = try StreamStage(sends ? ["STREAM_SECOND_CHUNK": "1"] : [:])
      let client = try streams.request(Self.prices)
      try streams.price("AAPL", "1.00")
      try streams.pass(milliseconds: 50)
      #expect(client.named.count == 1 && client.body.hasSuffix("retry: 5000\n\n:\n\n") == sends)
      #expect((client.lastWrite == bytes(":\n\n")) == sends)
    }
  }

  @Test("streams that opened together end apart, and their clients come back apart")
  func jitter() throws {
    let streams = try StreamStage(["STREAM_SLICE_SECONDS": "20", "MAX_CONNECTIONS_PER_USER": "1000"])
    let clients = try (0..<50).map { _ in try streams.request("/api/stream/prices") }
    var ends: Set<Int64> = []
    var open = clients.count
    for second in 20...23 {
      try streams.pass(seconds: second == 20 ? 20 : 1)
      let left = clients.filter(\.isOpen).count
      if left < open { ends.insert(Int64(second)) }
      open = left
    }
    #expect(open == 0 && ends.count >= 2)
    #expect(Set(clients.compactMap(\.reader.retries.last)).count > 25)
  }
}
