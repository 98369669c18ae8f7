import ConnectionStore
import Connections
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery
@testable import EventLog

/// The requests of `Docs/decisions/0008-lagging-clients.md`, counted.
@Suite("what connections that lag cost the table")
struct LagCostTests {
  let clock = SettableClock()
  let wire = LagWire()
  let memory: MemoryTable
  let table: MeteredTable
  let stream = "all/price:update"

  init() {
    memory = MemoryTable(clock: clock.clock)
    table = MeteredTable(memory)
  }

  private func sender(_ wire: LagWire) -> StreamSender<LagWire> {
    StreamSender(table: table, types: .standard, sender: wire, log: Log(minimum: .fatal), clock: clock.clock)
  }

  private var deadline: Int64 { clock.clock.milliseconds() + 30_000 }

  private func connect(_ count: Int) throws {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: SubscriptionRequest(names: ["price:update"]).resolved(for: .admin, types: .standard).accepted,
        order: Order(count: 1, milliseconds: 0, messageID: "m")))
    for number in 0..<count {
      let record = ConnectionRecord(
        id: try #require(ConnectionID("C\(number)=")), principal: Principal(user: nil, role: .admin),
        connectedAtMilliseconds: clock.clock.milliseconds() - 60_000, subscriptions: subscriptions)
      _ = try Connections(table: memory, clock: clock.clock).connect(record: record)
    }
  }

  private func publish(_ number: Int) throws {
    var log = StreamLog(table: memory, clock: clock.clock)
    let event = Event(type: "price:update", data: bytes("7"), id: "1-\(number)", timestamp: "", priority: .high)
    _ = try log.append([event], to: stream)
    _ = sender(wire).send(stream: stream, deadlineMilliseconds: deadline)
  }

  /// The requests and items written of one invocation of a lag sender.
  private func deliverLagging() -> MeteredTable.Meter {
    table.cost { _ = sender(wire).deliverLagging(stream: stream, deadlineMilliseconds: deadline) }
  }

  @Test("fifty that have left are removed by fifteen requests for each twenty-five of them, not by three for each")
  func gone() throws {
    try connect(50)
    wire.reason = .gone
    try publish(1)
    let cost = deliverLagging()
    #expect(try memory.query(Query(partition: LagRow.partition(stream: stream))).items.isEmpty)
    // Rows of connections, under two topics each, and of lags; lease.
    #expect(cost.itemsWritten == 4 * 50 + 2)
    #expect(cost.requests <= 2 * 15, "\(cost.requests) requests")
  }

  @Test("fifty that refuse are read together, written sixteen at a time, and tried at most five times a second")
  func refusing() throws {
    try connect(50)
    wire.reason = .refused(status: 429)
    try publish(1)
    let start = clock.clock.milliseconds()
    wire.posts = 0
    let cost = deliverLagging()
    let seconds = Double(clock.clock.milliseconds() - start) / 1_000
    #expect(wire.posts >= 150 && cost.itemsWritten >= wire.posts)
    #expect(Double(cost.requests) / seconds <= 5 * 8, "\(cost.requests) requests in \(seconds) s")
    #expect(Double(cost.itemsWritten) / seconds <= 110, "\(cost.itemsWritten) items in \(seconds) s")
  }

  @Test("thirty that lack each another part of the log cost one reading of it")
  func readTogether() throws {
    try connect(30)
    for number in 1...30 { try publish(number) }
    let rows = LagRows(table: memory, clock: clock.clock)
    let epoch = try #require(try Checkpoints(table: memory, clock: clock.clock).read(stream: stream)?.epoch)
    try rows.record(
      (0..<30).map { Lag(id: ConnectionID("C\($0)=")!, from: Int64($0) + 1, pace: .slow) }, stream: stream,
      epoch: epoch)
    wire.posts = 0
    let reading = ReadingCounter(memory, of: LogHeadRow.partition(stream: stream))
    let sender = StreamSender(
      table: reading, types: .standard, sender: wire, log: Log(minimum: .fatal), clock: clock.clock)
    _ = sender.deliverLagging(stream: stream, deadlineMilliseconds: deadline)
    #expect(wire.posts == 30)
    #expect(try rows.all(stream: stream, epoch: epoch).isEmpty)
    // One page of its segments; the rest asks for its head.
    #expect(reading.queries == 1)
  }
}

/// Answers every post alike.
final class LagWire: FrameSender {
  var reason: DeliveryFailure.Reason?
  var posts = 0

  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var failed: [DeliveryFailure] = []
    while let page = nextPage(failed) {
      posts += page.count
      failed = reason.map { reason in page.map { DeliveryFailure(reason, of: $0) } } ?? []
    }
    // Each failure is handed on once: these were given with the call that brought no page.
    return DeliveryResult()
  }
}

/// Counts the queries of one partition.
private final class ReadingCounter: ForwardingTable {
  private let table: any Table
  private let partition: String
  private(set) var queries = 0

  init(_ table: any Table, of partition: String) {
    self.table = table
    self.partition = partition
  }

  func pass<Answer>(_ call: TableCall, _ body: (any Table) throws(TableError) -> Answer) throws(TableError) -> Answer {
    if case .query(let query) = call, query.partition == partition { queries += 1 }
    return try body(table)
  }
}
