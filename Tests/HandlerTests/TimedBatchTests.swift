import ConnectionStore
import Connections
import Frames
import LambdaEvents
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import EventLog
@testable import Publisher

/// 002's batcher: `BATCH_EVENTS`, `BATCH_MILLISECONDS`.
@Suite("batches of a client that asked for them in the URL")
struct TimedBatchTests {
  let stage = Stage()
  let other = ConnectionID("Other=")!

  private var sender: StreamSender<Ear> {
    StreamSender(
      table: stage.table, types: .standard, sender: stage.ear, limits: stage.limits, log: Log(minimum: .fatal),
      clock: stage.clock.clock)
  }

  private func connect(_ query: (String, String)..., id: ConnectionID? = nil) throws {
    #expect(try stage.connect([("eventTypes", "signal")] + query, id: id).hasPrefix(#"{"statusCode":200"#))
  }

  /// In one publish.
  private func publish(_ numbers: ClosedRange<Int>, priority: String? = nil) throws {
    let more = priority.map { ",\"priority\":\"\($0)\"" } ?? ""
    let events = numbers.map { "{\"type\":\"signal\",\"data\":\($0)\(more)}" }
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
  }

  private func deliverLagging() {
    _ = sender.deliverLagging(
      stream: "all/signal", deadlineMilliseconds: stage.clock.clock.milliseconds() + 30_000)
  }

  private func data(_ frame: String) -> [Int] {
    frame.split(separator: "\"data\":").dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }
  }

  private func batches(_ id: ConnectionID? = nil) -> [[Int]] { stage.ear.frames(to: id ?? stage.id).map(data) }

  @Test("the tenth event brings all ten in one frame, at once; who did not ask gets each as it comes")
  func tenth() throws {
    try connect(("batch", "1"))
    try connect(id: other)
    try publish(1...4)
    try publish(5...9)
    #expect(batches().isEmpty && batches(other) == (1...9).map { [$0] })
    let before = stage.clock.clock.milliseconds()
    try publish(10...10)
    #expect(batches() == [Array(1...10)])
    #expect(stage.ear.frames(to: stage.id).first?.hasPrefix(#"{"type":"batch","events":["#) ?? false)
    // The window of the stream, and no more.
    #expect(stage.clock.clock.milliseconds() - before <= 100)
    try publish(11...12)
    try publish(13...20)
    #expect(batches() == [Array(1...10), Array(11...20)])
  }

  @Test("a lone event comes a second after it was accepted, and what came meanwhile with it")
  func lone() throws {
    try connect(("batch", "1"))
    try publish(1...1)
    let accepted = stage.clock.clock.milliseconds()
    #expect(stage.invocations.payloads.contains { $0.contains(#"{"lag":"all/signal"}"#) })
    stage.clock.advance(milliseconds: 300)
    try publish(2...2)
    #expect(batches().isEmpty)
    var sentAt: Int64 = 0
    stage.ear.beforePage = { if sentAt == 0 { sentAt = stage.clock.clock.milliseconds() } }
    deliverLagging()
    stage.ear.beforePage = nil
    #expect(batches() == [[1, 2]])
    #expect((980...1_100).contains(sentAt - accepted), "after \(sentAt - accepted) ms")
    #expect(try stage.table.query(Query(partition: LagRow.partition(stream: "all/signal"))).items.isEmpty)
    // The next batch begins with its own first event.
    stage.clock.advance(seconds: 5)
    try publish(3...3)
    #expect(batches().count == 1)
    deliverLagging()
    #expect(batches() == [[1, 2], [3]])
  }

  @Test("ten that are published together do not wait, and neither does an urgent one, with those before it")
  func together() throws {
    try connect(("batch", "1"))
    try publish(1...12)
    #expect(batches() == [Array(1...12)])
    try publish(13...14)
    #expect(batches().count == 1)
    try publish(15...15, priority: "high")
    #expect(batches() == [Array(1...12), [13, 14, 15]])
  }

  @Test("BATCH_EVENTS and BATCH_MILLISECONDS say how many, and how long")
  func settings() throws {
    let limits = try StreamLimits(
      environment: Environment(["BATCH_EVENTS": "3", "BATCH_MILLISECONDS": "400"]))
    stage.limits = limits
    try connect(("batch", "1"))
    try publish(1...2)
    try publish(3...3)
    #expect(batches() == [[1, 2, 3]])
    try publish(4...4)
    let accepted = stage.clock.clock.milliseconds()
    deliverLagging()
    #expect(batches() == [[1, 2, 3], [4]] && stage.clock.clock.milliseconds() - accepted < 1_100)
    #expect(throws: StreamLimitError.self) { try StreamLimits(environment: Environment(["BATCH_EVENTS": "0"])) }
  }

  @Test("who asks for it in a dialect that has no batches is refused, and so is any other value")
  func refused() throws {
    #expect(try stage.connect([("batch", "1"), ("dialect", "flat")]).contains("batch=1 is for the dialect typed"))
    #expect(try stage.connect([("batch", "yes")]).contains("batch must be 1 or 0"))
  }
}
