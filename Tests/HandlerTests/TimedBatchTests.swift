import ConnectionStore
import Connections
import Foundation
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

  @Test("of 25 that are published together two batches of ten come at once, and five a second later")
  func together() throws {
    try connect(("batch", "1"))
    try publish(1...25)
    let accepted = stage.clock.clock.milliseconds()
    #expect(batches() == [Array(1...10), Array(11...20)])
    var sentAt: Int64 = 0
    stage.ear.beforePage = { if sentAt == 0 { sentAt = stage.clock.clock.milliseconds() } }
    deliverLagging()
    stage.ear.beforePage = nil
    #expect(batches() == [Array(1...10), Array(11...20), Array(21...25)])
    #expect((980...1_100).contains(sentAt - accepted), "after \(sentAt - accepted) ms")
    // Five that wait and five that come are ten.
    try publish(26...30)
    try publish(31...37)
    #expect(batches().last == Array(26...35) && batches().count == 4)
    deliverLagging()
    #expect(batches().flatMap { $0 } == Array(1...37))
  }

  @Test("an urgent one does not wait, nor those before it")
  func urgent() throws {
    try connect(("batch", "1"))
    try publish(1...12)
    try publish(13...14)
    #expect(batches() == [Array(1...10)])
    try publish(15...15, priority: "high")
    #expect(batches() == [Array(1...10), Array(11...15)])
  }

  @Test("a lone event is not sent at once because it is the first of a connection that was greeted")
  func firstOfConnection() throws {
    stage.greetsClients = true
    let access = ["ACCESS": "open", "GREETING_FUNCTION": "DefaultHandler"]
    _ = try stage.connect([("eventTypes", "signal"), ("batch", "1"), ("userId", "u-1")], access: access)
    for payload in stage.invocations.takeAll() where payload.hasPrefix("{\"greet\"") { _ = try stage.greet(payload) }
    try stage.runInvocations()
    try publish(1...1)
    _ = try stage.publish(#"{"type":"note","user":"u-1","data":2}"#)
    #expect(batches().flatMap { $0 }.isEmpty)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["risk"]}"#)
    _ = try stage.publish(#"{"type":"risk","data":3}"#)
    #expect(batches().flatMap { $0 }.isEmpty)
    deliverLagging()
    _ = sender.deliverLagging(stream: "all/risk", deadlineMilliseconds: stage.clock.clock.milliseconds() + 30_000)
    #expect(batches().filter { !$0.isEmpty } == [[1], [3]])
  }

  @Test("each event of a key counts, and the newest of a batch is shown for those before it")
  func conflation() throws {
    _ = try stage.connect([("eventTypes", "price:update"), ("batch", "1")])
    let events = (1...23).map { "{\"type\":\"price:update\",\"key\":\"K\($0 % 2)\",\"data\":\($0)}" }
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
    #expect(batches() == [[9, 10], [19, 20]])
    #expect(stage.ear.frames(to: stage.id)[1].components(separatedBy: "\"folded\":4").count == 3)
    _ = sender.deliverLagging(
      stream: "all/price:update", deadlineMilliseconds: stage.clock.clock.milliseconds() + 30_000)
    #expect(batches() == [[9, 10], [19, 20], [22, 23]])
  }

  @Test("streams of one publish are not put together in a frame of more than ten")
  func streams() throws {
    try connect(("batch", "1"))
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["risk"]}"#)
    try stage.runInvocations()
    let events = (1...20).map { "{\"type\":\"\($0 <= 10 ? "signal" : "risk")\",\"data\":\($0)}" }
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
    #expect(Set(batches()) == [Array(1...10), Array(11...20)])
  }

  @Test("a batch that is refused comes again, whole and in order, in frames of ten at most", arguments: [25, 40])
  func refusal(count: Int) throws {
    try connect(("batch", "1"))
    stage.ear.refusing = [stage.id.text]
    try publish(1...count)
    stage.ear.refusing = []
    deliverLagging()
    try publish(count + 1...count + 3)
    deliverLagging()
    #expect(batches().flatMap { $0 } == Array(1...count + 3))
    #expect(batches().allSatisfy { (1...10).contains($0.count) })
  }

  @Test("what was missed comes in batches of ten too")
  func missed() throws {
    try connect(("batch", "1"))
    try publish(1...25)
    _ = try stage.say(#"{"type":"hello","n":1,"accept":["batch"],"seen":{"all/signal":0}}"#)
    let replayed = stage.ear.frames(to: stage.id).filter {
      $0.hasPrefix("{\"type\":\"batch\"") && $0.contains("\"replay\":1")
    }
    #expect(replayed.map(data) == [Array(1...10), Array(11...20), Array(21...25)])
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
