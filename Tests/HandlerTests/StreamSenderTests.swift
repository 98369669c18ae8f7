import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

@Suite("the sender of a stream")
struct StreamSenderTests {
  let clock = SettableClock()
  let table: MemoryTable
  let wire: Wire

  init() {
    table = MemoryTable(clock: clock.clock)
    wire = Wire()
  }

  private func sender(
    over table: (any Table)? = nil, log: Log = Log(minimum: .fatal)
  ) -> StreamSender<Wire> {
    StreamSender(table: table ?? self.table, types: .standard, sender: wire, log: log, clock: clock.clock)
  }

  private var deadline: Int64 { clock.clock.milliseconds() + 30_000 }
  private let stream = "all/price:update"

  private func connect(
    _ names: String..., to type: String = "price:update", keys: [String] = [], accepts: Accepts = [],
    over table: (any Table)? = nil
  ) throws {
    let connections = Connections(table: table ?? self.table, clock: clock.clock)
    for name in names {
      var subscriptions = Subscriptions()
      let request = SubscriptionRequest(names: [type], keys: keys)
      _ = subscriptions.apply(
        SubscriptionChange(
          add: request.resolved(for: .admin, types: .standard).accepted,
          order: Order(count: 1, milliseconds: 0, messageID: "m")))
      var record = ConnectionRecord(
        id: ConnectionID(name)!, principal: Principal(user: nil, role: .admin),
        connectedAtMilliseconds: clock.clock.milliseconds(), subscriptions: subscriptions)
      record.accept(accepts)
      _ = try connections.connect(record: record)
    }
  }

  private func append(
    _ numbers: Range<Int>, key: String? = "AAPL", high: Bool = false, over table: (any Table)? = nil
  ) throws {
    var log = StreamLog(table: table ?? self.table, clock: clock.clock)
    let events = numbers.map {
      Event(
        type: "price:update", key: key.map { $0 + "" }, data: bytes("\($0)"), id: "1-\($0)", timestamp: "",
        priority: high ? .high : nil)
    }
    _ = try log.append(events, to: stream)
  }

  @Test("each listener gets each event once, in order; nothing is left to send")
  func once() throws {
    try connect("a", "b")
    for number in 1...3 {
      try append(number..<number + 1)
      let report = sender().send(stream: stream, deadlineMilliseconds: deadline)
      #expect(!report.isQueued && report.counts.deliveries == 2)
      clock.advance(milliseconds: 100)
    }
    #expect(wire.sequences("a") == [1, 2, 3] && wire.sequences("b") == [1, 2, 3])
    let again = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(again.counts.deliveries == 0 && !again.isQueued)
  }

  @Test("of each key the newest of a round is sent and says how many it stands for; all stay in the log")
  func folded() throws {
    try connect("a")
    try append(1..<6)
    try append(6..<7, key: "MSFT")
    try append(7..<8, high: true)
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.sequences("a") == [5, 6, 7])
    #expect(wire.frames("a").first?.contains("\"folded\":4") == true)
    let log = StreamLog(table: table, clock: clock.clock)
    let head = try #require(try log.head(stream: stream))
    #expect(try log.read(stream: stream, head: head, after: 0).events.count == 7)
  }

  @Test("a client that takes batches gets one frame a round, with its cursor")
  func batch() throws {
    try connect("a", accepts: [.parts, .batch])
    for key in ["A", "B", "C"] { try append(1..<2, key: key) }
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.frames("a").count == 1)
    let epoch = try #require(try StreamLog(table: table, clock: clock.clock).head(stream: stream)).epoch
    var cursor = Cursor()
    cursor.set(stream: stream, epoch: epoch, to: 3)
    #expect(wire.frames("a").first?.hasSuffix("\"cursor\":\"\(cursor.text)\"}") == true)
  }

  @Test("what is appended while another holds the lease is sent by the holder, before it lets go")
  func queued() throws {
    try connect("a")
    try append(1..<2)
    wire.during = { [self] in
      wire.during = nil
      try append(2..<3)
      #expect(sender().send(stream: stream, deadlineMilliseconds: deadline).isQueued)
    }
    let report = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(!report.isQueued)
    #expect(wire.sequences("a") == [1, 2])
  }

  @Test("rounds have slots a window apart, but an urgent event is sent at once, and what comes after a pause")
  func window() throws {
    try connect("a")
    try append(1..<2)
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    let first = clock.clock.milliseconds()
    for (number, milliseconds) in [50, 150, 250].enumerated() {
      try append(number + 2..<number + 3)
      _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
      #expect(clock.clock.milliseconds() == first + Int64(milliseconds))
    }
    try append(5..<6, high: true)
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(clock.clock.milliseconds() == first + 250)
    clock.advance(milliseconds: 500)
    try append(6..<7)
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(clock.clock.milliseconds() == first + 750)
  }

  @Test("who publishes once a window, a little early or late each time, waits for nothing")
  func pace() throws {
    try connect("a")
    let start = clock.clock.milliseconds()
    for (number, milliseconds) in [0, 103, 199, 296, 405, 500, 597].enumerated() {
      clock.advance(milliseconds: start + Int64(milliseconds) - clock.clock.milliseconds())
      try append(number + 1..<number + 2)
      _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
      #expect(clock.clock.milliseconds() == start + Int64(milliseconds))
    }
  }

  @Test("in the long run there is one round a window, whenever events come", arguments: [1, 37, 95, 99])
  func longRun(period: Int) throws {
    try connect("a")
    let start = clock.clock.milliseconds()
    var number = 1
    var last = start
    while last < start + 3_000 {
      try append(number..<number + 1)
      _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
      last = clock.clock.milliseconds()
      clock.advance(milliseconds: Int64(period))
      number += 1
    }
    // The first, and one more for the half of a window that was given back.
    #expect(Int64(wire.frames("a").count) <= (last - start) / 100 + 2)
  }

  @Test(
    "an alarm about an error is sent at once, another alarm waits, and neither is conflated as a price is",
    arguments: [
      (#"{"level":"error"}"#, true), (#"{"text":"x","level":"error"}"#, true), (#"{"level":"warning"}"#, false),
      (#"{"nested":{"level":"error"}}"#, false), (#""error""#, false), ("{}", false),
    ])
  func alarms(data: String, isUrgent: Bool) throws {
    for (type, counts) in [("alert:new", true), ("price:update", false)] {
      let world = StreamSenderTests()
      try world.connect("a", to: type)
      func send(_ count: Int) throws {
        var log = StreamLog(table: world.table, clock: world.clock.clock)
        let event = Event(type: type, key: "k", audience: .everyone, data: bytes(data), id: "1-a", timestamp: "")
        _ = try log.append(Array(repeating: event, count: count), to: "all/\(type)")
        _ = world.sender().send(stream: "all/\(type)", deadlineMilliseconds: world.deadline)
      }
      try send(1)
      let first = world.clock.clock.milliseconds()
      try send(3)
      let isSentAtOnce = world.clock.clock.milliseconds() == first
      #expect(isSentAtOnce == (isUrgent && counts), "\(type)")
      #expect(world.wire.sequences("a") == (counts ? [1, 2, 3, 4] : [1, 4]), "\(type)")
    }
  }

  @Test("who does not take a frame lags, and is brought forward beside the rounds; the others are not held up")
  func lagging() throws {
    try connect("a", "b")
    wire.refusing = ["b"]
    try append(1..<2)
    #expect(sender().send(stream: stream, deadlineMilliseconds: deadline).isLagDue)
    #expect(wire.sequences("a") == [1] && wire.sequences("b") == [])
    try append(2..<3)
    wire.refusing = []
    _ = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.sequences("a") == [1, 2] && wire.sequences("b") == [])
    clock.advance(milliseconds: 200)
    _ = sender().deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.sequences("a") == [1, 2])
    // It has both, of which the newer stands for the older.
    #expect(wire.sequences("b") == [2])
    #expect(wire.frames("b").first?.contains("\"folded\":1") == true)
    let epoch = try #require(try StreamLog(table: table, clock: clock.clock).head(stream: stream)).epoch
    #expect(try LagRows(table: table, clock: clock.clock).all(stream: stream, epoch: epoch) == [])
  }

  @Test("a round that has no time for everybody goes on where it stopped, with the same events")
  func cut() throws {
    let names = (0..<1_200).map { "c\(1_000 + $0)" }
    for name in names { try connect(name) }
    try append(1..<2)
    wire.during = { [self] in
      wire.during = nil
      clock.advance(seconds: 40)
    }
    let report = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(report.hasPendingEvents && report.isQueued)
    let reached = Set(wire.posts.map(\.id))
    #expect(reached.count < names.count && !reached.isEmpty)
    try append(2..<3)
    let rest = sender().send(stream: stream, deadlineMilliseconds: deadline)
    #expect(!rest.isQueued)
    for name in names { #expect(wire.sequences(name) == [1, 2], "\(name)") }
  }

  @Test(
    "a sender that dies at any call to the table is continued: everybody has everything, nobody a gap, nothing out of order"
  )
  func dies() throws {
    for place in 1... {
      let world = StreamSenderTests()
      try world.connect("a", "b")
      world.wire.refusing = ["b"]
      try world.append(1..<2)
      _ = world.sender().send(stream: stream, deadlineMilliseconds: world.deadline)
      world.wire.refusing = []
      try world.append(2..<4, key: nil)
      let failing = FailingTable(world.table, failing: place)
      _ = world.sender(over: failing).send(stream: stream, deadlineMilliseconds: world.deadline)
      // The lease of the dead ends.
      world.clock.advance(seconds: 11)
      try world.append(4..<5, key: nil)
      let report = world.sender().send(stream: stream, deadlineMilliseconds: world.deadline)
      #expect(!report.isQueued, "call \(place)")
      _ = world.sender().deliverLagging(stream: stream, deadlineMilliseconds: world.deadline)
      for name in ["a", "b"] {
        var shown: [Int64] = []
        for sequence in world.wire.sequences(name) where sequence > shown.last ?? 0 { shown.append(sequence) }
        #expect(shown == [1, 2, 3, 4], "call \(place), \(name): \(world.wire.sequences(name))")
      }
      if !failing.hasFailed { break }
    }
  }
}

extension StreamSenderTests {
  @Test("a frame that was refused is a line that names the first event it stood for, also when its turn comes again")
  func refusedFrame() throws {
    let lines = Mutex<[String]>([])
    let log = Log(minimum: .warn, clock: clock.clock, write: { line in lines.withLock { $0.append(text(line)) } })
    try connect("b")
    wire.refusing = ["b"]
    try append(1..<3)
    _ = sender(log: log).send(stream: stream, deadlineMilliseconds: deadline)
    clock.advance(seconds: 5)
    _ = sender(log: log).deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    let written = lines.withLock { $0 }
    #expect(written.count >= 2)
    for line in written {
      #expect(line.contains(#""message":"delivery refused""#))
      #expect(line.contains(#""stream":"all/price:update","seq":1,"correlationId":"1-1""#))
    }
  }
}
