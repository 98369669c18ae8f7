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

/// What one client is sent at most: `FRAMES_PER_SECOND`, 20 at once.
@Suite("frames of a client that takes no batches")
struct FrameLimitTests {
  let clock = SettableClock()
  let table: MemoryTable
  let wire: TimedWire
  let stream = "all/signal"

  init() {
    table = MemoryTable(clock: clock.clock)
    wire = TimedWire(clock.clock)
  }

  private func sender(
    _ limits: StreamLimits = StreamLimits(), over table: (any ConnectionStore.Table)? = nil
  ) -> StreamSender<TimedWire> {
    StreamSender(
      table: table ?? self.table, types: .standard, sender: wire, limits: limits, log: Log(minimum: .fatal),
      clock: clock.clock)
  }

  private var deadline: Int64 { clock.clock.milliseconds() + 30_000 }

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

  private func append(
    _ numbers: ClosedRange<Int>, type: String = "signal", keys: Int? = nil, isHigh: Bool = false
  ) throws {
    var log = StreamLog(table: table, clock: clock.clock)
    let events = numbers.map { number in
      Event(
        type: type, key: keys.map { "K\(number % $0)" }, data: bytes("\(number)"),
        id: "\(clock.clock.milliseconds())-\(number)", timestamp: "", priority: isHigh ? .high : nil)
    }
    _ = try log.append(events, to: StreamName.type(type))
  }

  private func send(_ sender: StreamSender<TimedWire>, _ stream: String? = nil) -> StreamSender<TimedWire>.Report {
    sender.send(stream: stream ?? self.stream, deadlineMilliseconds: deadline)
  }

  private func rows(_ stream: String? = nil) throws -> [Item] {
    try table.query(Query(partition: LagRow.partition(stream: stream ?? self.stream))).items
  }

  @Test("of three hundred events at once it gets twenty, then ten a second, every one of them, in order, once")
  func burst() throws {
    try connect("a")
    try connect("b", accepts: [.parts, .batch])
    let sender = sender()
    try append(1...300)
    let start = clock.clock.milliseconds()
    let report = send(sender)
    #expect(wire.sequences("a") == Array(1...20) && report.isLagDue && report.isLagPlanned)
    #expect(clock.clock.milliseconds() == start)
    while try !rows().isEmpty {
      _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    }
    #expect(wire.sequences("a") == Array(1...300))
    #expect(wire.most("a", within: 1_000) <= 30 && wire.most("a", within: 10_000) <= 120)
    let took = clock.clock.milliseconds() - start
    #expect((28_000...36_000).contains(took), "\(took) ms")
    // Whoever takes batches is not kept: all of it came in the first round.
    #expect(wire.times("b").allSatisfy { $0 == start } && !wire.times("b").isEmpty)
  }

  @Test("other processes go on where the first one stopped: the lag row says what was sent")
  func otherProcesses() throws {
    try connect("a")
    try append(1...60)
    _ = send(sender())
    var count = 0
    while try !rows().isEmpty {
      count += 1
      // Each dies after one attempt: its lease ends.
      let deadline = clock.clock.milliseconds() + 4_000
      _ = sender().deliverLagging(stream: stream, deadlineMilliseconds: deadline)
      clock.advance(milliseconds: 100)
      _ = send(sender())
      try #require(count < 100)
    }
    #expect(wire.sequences("a") == Array(1...60) && count > 1)
    #expect(wire.most("a", within: 1_000) <= 30)
  }

  @Test("what comes while it waits comes after that, and a round sends it what is live again once it has everything")
  func inOrder() throws {
    try connect("a")
    let sender = sender()
    try append(1...30)
    _ = send(sender)
    try append(31...33)
    _ = send(sender)
    #expect(wire.sequences("a") == Array(1...20))
    _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.sequences("a") == Array(1...33))
    #expect(try rows().isEmpty)
    clock.advance(seconds: 3)
    try append(34...34)
    _ = send(sender)
    #expect(wire.sequences("a") == Array(1...34))
  }

  @Test("of a type that conflates each key has its turn, however fast they move, and stands for those that it passed")
  func fairness() throws {
    let stream = "all/price:update"
    try connect("a", to: ["price:update"])
    let sender = sender()
    var number = 0
    // Forty keys move ten times a second, in the same order, for twenty seconds.
    for _ in 0..<200 {
      try append(number + 1...number + 40, type: "price:update", keys: 40)
      number += 40
      if send(sender, stream).isLagDue {
        let deadline = clock.clock.milliseconds() + 4_100
        _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
      }
      clock.advance(milliseconds: 100)
    }
    while try !rows(stream).isEmpty {
      _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    }
    let seen = wire.sequences("a")
    #expect(seen == seen.sorted() && Set(seen).count == seen.count)
    var counts = [Int64: Int](minimumCapacity: 40)
    for sequence in seen { counts[sequence % 40, default: 0] += 1 }
    #expect(counts.count == 40 && (counts.values.max() ?? 0) - (counts.values.min() ?? 0) <= 3, "\(counts)")
    // Each event was seen, or another stands for it.
    #expect(seen.count + wire.folded("a") == number)
    #expect(Set(seen.suffix(40).map { $0 % 40 }).count == 40 && seen.last == Int64(number))
  }

  @Test("an urgent event waits for nothing, and nothing that came before it passes it")
  func urgent() throws {
    try connect("a")
    let sender = sender()
    try append(1...20)
    _ = send(sender)
    clock.advance(milliseconds: 100)
    try append(21...22)
    try append(23...23, isHigh: true)
    _ = send(sender)
    #expect(wire.sequences("a") == Array(1...23))
  }

  @Test("it counts over all streams that a process sends")
  func overStreams() throws {
    try connect("a", to: ["signal", "risk"])
    let sender = sender()
    try append(1...15)
    try append(1...15, type: "risk")
    _ = sender.send(["all/signal", "all/risk"], deadlineMilliseconds: deadline)
    #expect(wire.sequences("a").count == 20)
    #expect(try rows().isEmpty && rows("all/risk").count == 1)
    _ = sender.deliverLagging(stream: "all/risk", deadlineMilliseconds: deadline)
    #expect(wire.sequences("a") == Array(1...15) + Array(1...15))
  }

  @Test("a frame that is refused in the middle of what was withheld comes again, and none of those before it")
  func refusedBetween() throws {
    try connect("a")
    let sender = sender()
    try append(1...40)
    _ = send(sender)
    // The first attempt gets three through.
    wire.accepting = 3
    while try !rows().isEmpty {
      _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
      clock.advance(seconds: 1)
    }
    #expect(wire.sequences("a") == Array(1...40))
  }

  @Test("a lag sender that comes between any two steps of a round that withholds sends nothing again, nor out of order")
  func lagSenderDuringRound() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let tests = FrameLimitTests()
      try tests.connect("a")
      try tests.append(1...2)
      // It has these two already, or will have: its row begins before the checkpoint.
      let head = try StreamLog(table: tests.table, clock: tests.clock.clock).head(stream: tests.stream)
      let checkpoints = Checkpoints(table: tests.table, clock: tests.clock.clock)
      var lease = try #require(try checkpoints.acquire(stream: tests.stream))
      lease.follow(head?.epoch ?? "")
      lease.advance(through: 2)
      _ = try checkpoints.write(&lease, releasing: true)
      try LagRows(table: tests.table, clock: tests.clock.clock).record(
        [Lag(id: ConnectionID("a")!, from: 1)], stream: tests.stream, epoch: head?.epoch ?? "")
      try tests.append(3...40)
      let table = InterruptedTable(tests.table, before: callIndex) {
        _ = tests.sender().deliverLagging(stream: tests.stream, deadlineMilliseconds: tests.deadline)
      }
      _ = tests.sender(over: table).send(stream: tests.stream, deadlineMilliseconds: tests.deadline)
      guard table.isInterrupted else { break }
      if let error = table.error { throw error }
      for _ in 0..<20 where try !tests.rows().isEmpty {
        _ = tests.sender().deliverLagging(stream: tests.stream, deadlineMilliseconds: tests.deadline)
        _ = tests.send(tests.sender())
        tests.clock.advance(seconds: 1)
      }
      #expect(tests.wire.sequences("a") == Array(1...40), "interrupted at call \(callIndex)")
    }
    #expect(callIndex > 6)
  }

  @Test("with FRAMES_PER_SECOND=0 it gets everything at once, and a round does not wait for a window")
  func unlimited() throws {
    var limits = StreamLimits()
    limits.framesPerSecond = 0
    try connect("a")
    let sender = sender(limits)
    let start = clock.clock.milliseconds()
    for number in 0..<3 {
      try append(number * 100 + 1...number * 100 + 100)
      _ = send(sender)
    }
    #expect(wire.sequences("a") == Array(1...300) && wire.times("a").allSatisfy { $0 == start })
    #expect(try rows().isEmpty)
    // One that waits for a lease does not ask without a pause.
    var other = try #require(try Checkpoints(table: table, clock: clock.clock).acquire(stream: stream))
    #expect(sender.sendPending(of: stream, deadlineMilliseconds: deadline).isLeaseTaken)
    _ = try Checkpoints(table: table, clock: clock.clock).write(&other, releasing: true)
  }
}

/// Where frames would go, and when.
final class TimedWire: FrameSender {
  private let clock: Clock
  private(set) var posts: [(id: String, frame: String, at: Int64)] = []
  /// The next delivery arrives with so many frames only, once.
  var accepting: Int?
  /// So many frames of each delivery are posted in the time of a fan-out, which is 20 ms then.
  var framesInTime: Int?
  /// The next fan-out is cut after so many pages, once.
  var pagesInTime: Int?

  init(_ clock: Clock) { self.clock = clock }

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    var failed: [DeliveryFailure] = []
    var pages = pagesInTime ?? .max
    pagesInTime = nil
    defer { if framesInTime != nil { clock.pause(20) } }
    while let page = {
      defer { failed = [] }
      return nextPage(failed)
    }() {
      pages -= 1
      for listener in page {
        let count = min(accepting ?? framesInTime ?? .max, listener.frames.count)
        let reason = accepting == nil ? DeliveryFailure.Reason.unsent : .refused(status: 429)
        accepting = nil
        for frame in listener.frames.prefix(count) {
          posts.append((listener.id.text, text(frame.bytes), clock.milliseconds()))
        }
        counts.deliveries += count
        if count < listener.frames.count {
          if reason == .unsent { counts.unsent += listener.frames.count - count }
          failed.append(DeliveryFailure(reason, of: listener, frame: count))
        }
      }
      guard pages > 0 else {
        counts.isEveryPageRead = false
        break
      }
    }
    return DeliveryResult(counts: counts, failures: failed)
  }

  func frames(_ id: String) -> [String] { posts.filter { $0.id == id }.map(\.frame) }

  func times(_ id: String) -> [Int64] { posts.filter { $0.id == id }.map(\.at) }

  /// The most frames that it got in any time of that length.
  func most(_ id: String, within milliseconds: Int64) -> Int {
    let times = times(id)
    return times.indices.map { first in times[first...].prefix { $0 < times[first] + milliseconds }.count }.max() ?? 0
  }

  func sequences(_ id: String) -> [Int64] { numbers(id, after: "\"seq\":") }

  func folded(_ id: String) -> Int { Int(numbers(id, after: "\"folded\":").reduce(0, +)) }

  private func numbers(_ id: String, after name: String) -> [Int64] {
    frames(id).flatMap { frame in
      frame.split(separator: name).dropFirst().compactMap { Int64($0.prefix { $0.isNumber }) }
    }
  }
}
