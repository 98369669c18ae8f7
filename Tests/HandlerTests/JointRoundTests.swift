import ConnectionStore
import Connections
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import EventLog
@testable import Publisher

/// The rounds of several streams that one process sends.
@Suite("streams that are sent together")
struct JointRoundTests {
  let clock = SettableClock()
  let table: MemoryTable
  let wire: TimedWire
  private let types = ["signal", "risk", "decision", "outcome", "system", "proposal"]

  init() {
    table = MemoryTable(clock: clock.clock)
    wire = TimedWire(clock.clock)
  }

  private func sender(shards: Int = 1, pageSize: Int = 500) -> StreamSender<TimedWire> {
    StreamSender(
      table: table, types: .standard, sender: wire, shards: shards, pageSize: pageSize, log: Log(minimum: .fatal),
      clock: clock.clock)
  }

  private func connect(
    _ name: String, to types: [String], accepts: Accepts = [.parts, .batch], shards: Int = 1
  ) throws {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: SubscriptionRequest(names: types).resolved(for: .admin, types: .standard).accepted,
        order: Order(count: 1, milliseconds: 0, messageID: "m")))
    var record = ConnectionRecord(
      id: ConnectionID(name)!, principal: Principal(user: nil, role: .admin),
      connectedAtMilliseconds: clock.clock.milliseconds() - 60_000, subscriptions: subscriptions)
    record.accept(accepts)
    _ = try Connections(table: table, shards: shards, clock: clock.clock).connect(record: record)
  }

  private func append(_ types: [String], size: Int = 0) throws {
    var log = StreamLog(table: table, clock: clock.clock)
    for type in types {
      let event = Event(
        type: type, data: bytes("\"\(type)\(String(repeating: "x", count: size))\""),
        id: "\(clock.clock.milliseconds())-\(type)", timestamp: "")
      _ = try log.append([event], to: StreamName.type(type))
    }
  }

  private var deadline: Int64 { clock.clock.milliseconds() + 30_000 }

  private func streams(_ types: [String]) -> [String] { types.map(StreamName.type) }

  private func lag(_ type: String) throws -> LaggingConnection? {
    try LagRows(table: table, clock: clock.clock).row(stream: StreamName.type(type), id: ConnectionID("a")!)
  }

  @Test("a client that takes batches gets the events of six streams in one frame, whose cursor tells of all six")
  func oneFrame() throws {
    try connect("a", to: types)
    try connect("b", to: ["signal"])
    try connect("c", to: types, accepts: [])
    try append(types)
    let reports = sender().send(streams(types), deadlineMilliseconds: deadline)
    #expect(wire.frames("a").count == 1 && wire.sequences("a") == Array(repeating: 1, count: 6))
    for type in types { #expect(wire.frames("a").first?.contains("\"data\":\"\(type)\"") ?? false) }
    let text = wire.frames("a").first?.split(separator: "\"cursor\":\"").last.map { String($0.prefix { $0 != "\"" }) }
    let cursor = try #require(text.flatMap { Cursor($0) })
    for stream in streams(types) {
      let epoch = try #require(try StreamLog(table: table, clock: clock.clock).head(stream: stream)?.epoch)
      #expect(cursor.sequence(of: stream, epoch: epoch) == 1)
    }
    #expect(wire.frames("b").count == 1 && wire.frames("b").first?.hasPrefix(#"{"type":"signal""#) ?? false)
    #expect(wire.frames("c").count == 6)
    #expect(reports.count == 6 && reports.reduce(0) { $0 + $1.counts.deliveries } == 8)
    #expect(reports.allSatisfy { !$0.isQueued && !$0.hasPendingEvents })
  }

  @Test("it gets one frame a window, however the streams have waited before")
  func oneWindow() throws {
    try connect("a", to: types)
    let sender = sender()
    try append(["signal"])
    _ = sender.send(["all/signal"], deadlineMilliseconds: deadline)
    clock.advance(milliseconds: 60)
    try append(["risk"])
    _ = sender.send(["all/risk"], deadlineMilliseconds: deadline)
    // One's window is over in 40 ms, the other's in 100.
    for _ in 0..<10 {
      try append(["signal", "risk"])
      _ = sender.send(streams(["signal", "risk"]), deadlineMilliseconds: deadline)
    }
    let times = wire.times("a").dropFirst(2)
    #expect(Set(times).count == times.count && times.count <= 11)
    for (earlier, later) in zip(times, times.dropFirst()).dropFirst() { #expect(later - earlier >= 100, "\(times)") }
  }

  @Test("a frame that is refused is lacking in each of its streams, and nothing of it is lost")
  func refused() throws {
    let types = ["signal", "risk"]
    try connect("a", to: types)
    try append(types)
    wire.accepting = 0
    let sender = sender()
    _ = sender.send(streams(types), deadlineMilliseconds: deadline)
    for type in types { #expect(try lag(type)?.from == 1) }
    clock.advance(seconds: 1)
    for stream in streams(types) { _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline) }
    #expect(wire.sequences("a") == [1, 1])
    for type in types { #expect(try lag(type) == nil) }
  }

  @Test("what does not fit one frame comes in several; of a stream whose frame arrived nothing is lacking")
  func several() throws {
    let types = ["signal", "risk"]
    try connect("a", to: types)
    try append(types, size: 20_000)
    wire.accepting = 1
    _ = sender().send(streams(types), deadlineMilliseconds: deadline)
    #expect(wire.frames("a").count == 1)
    #expect(try lag("signal") == nil)
    #expect(try lag("risk")?.from == 1)
  }

  @Test("listeners of several pages and shards get one frame each, whatever stands between them in one of the streams")
  func pages() throws {
    let types = ["signal", "risk"]
    for number in 0..<60 {
      try connect("C\(number)=", to: number % 3 == 0 ? types : [types[number % 2]], shards: 3)
    }
    try append(types)
    _ = sender(shards: 3, pageSize: 4).send(streams(types), deadlineMilliseconds: deadline)
    for number in 0..<60 {
      let id = "C\(number)="
      #expect(wire.frames(id).count == 1 && wire.sequences(id).count == (number % 3 == 0 ? 2 : 1), "\(id)")
    }
  }

  @Test("a client whose turn did not come before the fan-out was cut gets all of its events later, in order")
  func cut() throws {
    try connect("C1=", to: ["risk"])
    // Its twenty frames of now are prepared, and its rest is planned, when the time is up.
    try connect("p", to: ["signal"], accepts: [])
    try append(["risk"] + Array(repeating: "signal", count: 30))
    wire.pagesInTime = 1
    let sender = sender(pageSize: 1)
    _ = sender.send(streams(["signal", "risk"]), deadlineMilliseconds: deadline)
    for _ in 0..<5 {
      clock.advance(seconds: 1)
      _ = sender.deliverLagging(stream: "all/signal", deadlineMilliseconds: deadline)
      _ = sender.send(streams(["signal", "risk"]), deadlineMilliseconds: deadline)
    }
    #expect(wire.sequences("p") == Array(1...30))
    #expect(Set(wire.sequences("C1=")) == [1])
  }
}
