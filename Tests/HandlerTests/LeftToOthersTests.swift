import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

/// A sender that stops in the middle, as `Fanout` does when its endpoint cannot be called or its time is up.
final class StoppingWire: FrameSender {
  var pages: Int
  private(set) var reached: [String] = []

  init(pages: Int) { self.pages = pages }

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    for _ in 0..<pages {
      guard let page = nextPage([]) else { return DeliveryResult(counts: counts) }
      reached += page.map(\.id.text)
      counts.deliveries += page.count
    }
    counts.isEveryPageRead = false
    return DeliveryResult(counts: counts)
  }
}

/// A throttled endpoint: a post takes 100 ms, one after the other, and the next page is asked for when 64 are left.
final class SlowWire: FrameSender {
  private let clock: SettableClock
  private(set) var reached: [String] = []
  var eachSecond: () throws -> Void = {}

  init(_ clock: SettableClock) { self.clock = clock }

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    var pending: [PendingDelivery] = []
    var hasMore = true
    while hasMore || !pending.isEmpty {
      while hasMore, pending.count <= 64 {
        if let page = nextPage([]) { pending += page } else { hasMore = false }
      }
      guard !pending.isEmpty else { break }
      clock.advance(milliseconds: 100)
      guard keepsOn() else {
        counts.isEveryPageRead = false
        return DeliveryResult(counts: counts)
      }
      reached.append(pending.removeFirst().id.text)
      counts.deliveries += 1
      do { if reached.count % 10 == 0 { try eachSecond() } } catch { Issue.record(error) }
    }
    return DeliveryResult(counts: counts)
  }
}

@Suite("what one invocation leaves to another")
struct LeftToOthersTests {
  let clock = SettableClock()
  let table: MemoryTable
  let stream = "all/price:update"

  init() { table = MemoryTable(clock: clock.clock) }

  private func append(_ stream: String, _ event: Event) throws {
    var log = StreamLog(table: table, clock: clock.clock)
    _ = try log.append([event], to: stream)
  }

  private func connect(_ count: Int) throws -> [String] {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: SubscriptionRequest(names: ["price:update"]).resolved(for: .admin, types: .standard).accepted,
        order: Order(count: 1, milliseconds: 0, messageID: "m")))
    return try (0..<count).map { number in
      let id = "c\(10_000 + number)"
      _ = try Connections(table: table, clock: clock.clock).connect(
        record: ConnectionRecord(
          id: ConnectionID(id)!, principal: Principal(user: nil, role: .admin),
          connectedAtMilliseconds: clock.clock.milliseconds(), subscriptions: subscriptions))
      return id
    }
  }

  @Test("listeners that a round did not come to get its events from the next one", arguments: [0, 1, 2])
  func pagesLeft(pages: Int) throws {
    let names = try connect(1_200)
    try append(stream, Event(type: "price:update", data: bytes("1"), id: "1-a", timestamp: ""))
    let wire = StoppingWire(pages: pages)
    let sender = StreamSender(
      table: table, types: .standard, sender: wire, log: Log(minimum: .fatal), clock: clock.clock)
    let report = sender.send(stream: stream, deadlineMilliseconds: clock.clock.milliseconds() + 30_000)
    #expect(report.isQueued)
    // There is time left, so another try at once would end as this one did: the sweep makes it.
    #expect(!report.hasPendingEvents)
    #expect(try sender.hasPendingEvents(stream: stream))
    wire.pages = .max
    #expect(!sender.send(stream: stream, deadlineMilliseconds: clock.clock.milliseconds() + 30_000).isQueued)
    #expect(Set(wire.reached) == Set(names))
    #expect(wire.reached.count == names.count)
  }

  @Test("a round that is slow keeps its lease, so that others who publish do not begin it again and again")
  func slowRound() throws {
    let names = try connect(600)
    try append(stream, Event(type: "price:update", data: bytes("1"), id: "1-a", timestamp: ""))
    let wire = SlowWire(clock)
    let sender = StreamSender(
      table: table, types: .standard, sender: wire, log: Log(minimum: .fatal), clock: clock.clock)
    let other = StreamSender(
      table: table, types: .standard, sender: StoppingWire(pages: 0), log: Log(minimum: .fatal), clock: clock.clock)
    var thefts = 0
    wire.eachSecond = {
      if try other.rows.checkpoints.acquire(stream: stream) != nil { thefts += 1 }
    }
    _ = sender.send(stream: stream, deadlineMilliseconds: clock.clock.milliseconds() + 90_000)
    #expect(thefts == 0)
    #expect(Set(wire.reached) == Set(names))
  }

  @Test("an event to a user is not shown to another whose name begins with a later letter of it")
  func combiningNames() throws {
    let stage = Stage()
    let other = try #require(ConnectionID("Other="))
    _ = try stage.connect([("userId", "bob")])
    _ = try stage.connect([("userId", "\u{301}bob")], id: other)
    let answer = try stage.publish("{\"type\":\"note\",\"user\":\"\u{301}bob\",\"data\":{\"n\":1}}")
    #expect(answer.contains("\"accepted\":1"))
    #expect(stage.ear.frames(to: stage.id).isEmpty, "bob got what is not his")
    #expect(stage.ear.frames(to: other).count == 1)
  }

  @Test("what a killed publisher left is sent after an outage of any length", arguments: [1, 9, 11, 60, 20 * 60])
  func longOutage(minutes: Int64) throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1")])
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    _ = try log.append(
      [Event(type: "note", audience: .user("u-1"), data: bytes("1"), id: "1-a", timestamp: "")], to: "user/u-1")
    stage.clock.advance(seconds: 60 * minutes)
    if minutes >= 60 { _ = try stage.connect([("userId", "u-1")], id: ConnectionID("Later=")) }
    _ = try stage.publish(#"{"sweep":{}}"#)
    let id = minutes >= 60 ? ConnectionID("Later=")! : stage.id
    #expect(stage.ear.frames(to: id).count == 1)
  }

  @Test("a sweep that has no time to look at every stream comes to each of them all the same")
  func manyOpenStreams() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "zz")])
    for number in 0..<3_000 {
      // Sent in the regular way.
      _ = try stage.publish("{\"type\":\"note\",\"user\":\"u-\(number)\",\"data\":1}")
    }
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    _ = try log.append(
      [Event(type: "note", audience: .user("zz"), data: bytes("1"), id: "1-a", timestamp: "")], to: "user/zz")
    for fifth: UInt64 in 0..<5 where stage.ear.frames(to: stage.id).isEmpty {
      let deadline = stage.clock.clock.milliseconds() + 30_000
      // One begins in the middle of each fifth of the streams; there is time for a third of them.
      _ = try? stage.publish(
        #"{"sweep":{}}"#, over: SlowTable(stage.table, stage.clock, until: deadline),
        randomness: Randomness { UInt64.max / 10 * (2 * fifth + 1) })
      stage.clock.advance(seconds: 60)
    }
    #expect(stage.ear.frames(to: stage.id).count == 1)
  }
}

/// Each call takes 8 ms; after the deadline whoever calls is no more.
private final class SlowTable: ForwardingTable {
  private let table: any Table
  private let clock: SettableClock
  private let deadline: Int64

  init(_ table: any Table, _ clock: SettableClock, until deadline: Int64) {
    self.table = table
    self.clock = clock
    self.deadline = deadline
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    clock.advance(milliseconds: 8)
    guard clock.clock.milliseconds() <= deadline else {
      throw TableError(code: .unavailable, operation: call.operation, key: call.key, detail: "the time is up")
    }
    return try body(table)
  }
}
