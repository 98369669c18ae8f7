import AWS
import ConnectionStore
import Connections
import Frames
import LambdaRuntime
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import EventLog
@testable import Publisher

/// What the answer to a publish counts: `Docs/protocol.md`, Publishing.
@Suite("counts of a publish's answer")
struct PublishCountsTests {
  let clock = SettableClock()
  let table: MemoryTable
  let wire: TimedWire

  init() {
    table = MemoryTable(clock: clock.clock)
    wire = TimedWire(clock.clock)
  }

  private func connect(_ name: String, to types: [String] = ["signal"], accepts: Accepts = []) throws {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: SubscriptionRequest(names: types).resolved(for: .admin, types: .standard).accepted,
        order: Order(count: 1, milliseconds: 0, messageID: "m")))
    var record = ConnectionRecord(
      id: ConnectionID(name)!, principal: Principal(user: nil, role: .admin),
      connectedAtMilliseconds: clock.clock.milliseconds() - 60_000, subscriptions: subscriptions)
    record.accept(accepts)
    _ = try Connections(table: table, clock: clock.clock).connect(record: record)
  }

  /// The counts of the answer that say what arrived and what did not. `milliseconds`: so long rounds begin.
  private func publish(
    _ count: Int, types: [String] = ["signal"], framesPerSecond: Int64 = 10, milliseconds: Int64 = 1_000
  ) throws -> [String: Int] {
    var limits = StreamLimits()
    limits.framesPerSecond = framesPerSecond
    let log = Log(minimum: .fatal)
    var handler = Publish(
      eventLog: StreamLog(table: table, limits: limits, clock: clock.clock),
      streams: StreamSender(
        table: table, types: .standard, sender: wire, limits: limits, log: log, clock: clock.clock),
      limits: limits, itself: InvokedFunction(named: "Publisher", by: Invocations()), log: log, clock: clock.clock)
    let deadline = clock.clock.milliseconds() + StreamSender<TimedWire>.reserveMilliseconds
    let events = types.flatMap { type in (1...count).map { "{\"type\":\"\(type)\",\"data\":\($0)}" } }
    let answer = text(
      try handler.handle(
        bytes("{\"events\":[\(events.joined(separator: ","))]}"),
        context: InvocationContext(requestID: "i", deadlineMilliseconds: deadline + milliseconds)))
    var counts: [String: Int] = [:]
    for name in ["deliveries", "unsent", "lagging"] {
      let number = answer.split(separator: "\"\(name)\":").dropFirst().first
      counts[name] = number.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    }
    return counts
  }

  @Test("what a round had no time for and a later one sent is neither unsent nor lagging")
  func sentLater() throws {
    try connect("a")
    wire.framesInTime = 45
    let counts = try publish(300, framesPerSecond: 0)
    #expect(wire.sequences("a") == Array(1...300))
    #expect(counts == ["deliveries": 300, "unsent": 0, "lagging": 0])
  }

  @Test("of sixty events at once a client without batches is sent twenty, in however many rounds: one connection lags")
  func withheld() throws {
    try connect("a")
    wire.framesInTime = 7
    let counts = try publish(60)
    #expect(wire.sequences("a") == Array(1...20))
    #expect(counts == ["deliveries": 20, "unsent": 0, "lagging": 1])
  }

  @Test("what there was no time for until the end is unsent, each frame once")
  func unsent() throws {
    for name in ["a", "b"] { try connect(name) }
    wire.framesInTime = 0
    let counts = try publish(5)
    #expect(counts == ["deliveries": 0, "unsent": 10, "lagging": 2])
  }

  @Test(
    "a connection that lacks events of two streams is one, and so is the frame that was to bring it both",
    arguments: [(10, 5), (1_000, 6)])
  func severalStreams(milliseconds: Int64, unsent: Int) throws {
    try connect("a", to: ["signal", "risk"], accepts: [.parts, .batch])
    try connect("b", to: ["signal", "risk"])
    wire.framesInTime = 0
    // One that takes no batches lacks four frames, the other one: or two, where it is brought forward in each stream by itself.
    let counts = try publish(2, types: ["signal", "risk"], milliseconds: milliseconds)
    #expect(counts == ["deliveries": 0, "unsent": unsent, "lagging": 2])
  }
}
