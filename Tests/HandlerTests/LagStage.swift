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

/// A stream with listeners, one of which may lag.
struct LagStage {
  let clock = SettableClock()
  let table: MemoryTable
  let wire = Wire()
  let stream = "all/price:update"

  init() { table = MemoryTable(clock: clock.clock) }

  func sender(over table: (any Table)? = nil, lagSender: Wire? = nil, clock: Clock? = nil) -> StreamSender<Wire> {
    StreamSender(
      table: table ?? self.table, types: .standard, sender: wire, lagSender: lagSender, log: Log(minimum: .fatal),
      clock: clock ?? self.clock.clock)
  }

  var deadline: Int64 { clock.clock.milliseconds() + 30_000 }
  var rows: LagRows { LagRows(table: table, clock: clock.clock) }
  var checkpoints: Checkpoints { Checkpoints(table: table, clock: clock.clock) }

  /// Seconds ago they were connected.
  func connect(_ names: String..., ago seconds: Int64 = 60) throws {
    var subscriptions = Subscriptions()
    _ = subscriptions.apply(
      SubscriptionChange(
        add: SubscriptionRequest(names: ["price:update"]).resolved(for: .admin, types: .standard).accepted,
        order: Order(count: 1, milliseconds: 0, messageID: "m")))
    for name in names {
      let record = ConnectionRecord(
        id: id(name), principal: Principal(user: nil, role: .admin),
        connectedAtMilliseconds: clock.clock.milliseconds() - seconds * 1_000, subscriptions: subscriptions)
      _ = try Connections(table: table, clock: clock.clock).connect(record: record)
    }
  }

  func id(_ name: String) -> ConnectionID { ConnectionID(name)! }

  /// Appends an event that nothing folds into another.
  func append(_ number: Int, isHigh: Bool = true) throws {
    var log = StreamLog(table: table, clock: clock.clock)
    _ = try log.append(
      [
        Event(
          type: "price:update", data: bytes("\(number)"), id: "1-\(number)", timestamp: "",
          priority: isHigh ? .high : nil)
      ],
      to: stream)
  }

  @discardableResult
  func publish(_ number: Int, isHigh: Bool = true) throws -> StreamSender<Wire>.Report {
    try append(number, isHigh: isHigh)
    return send()
  }

  @discardableResult
  func send(over table: (any Table)? = nil) -> StreamSender<Wire>.Report {
    sender(over: table).send(stream: stream, deadlineMilliseconds: deadline)
  }

  @discardableResult
  func deliverLagging(over table: (any Table)? = nil) -> StreamSender<Wire>.Report {
    sender(over: table).deliverLagging(stream: stream, deadlineMilliseconds: deadline)
  }

  func row(_ name: String) throws -> LaggingConnection? { try rows.row(stream: stream, id: id(name)) }

  /// Of any log.
  func storedRows() throws -> [Item] { try table.query(Query(partition: "lag#all%2Fprice%3Aupdate")).items }

  func lagState(_ name: String) throws -> String? { try row(name).map { "\($0.pace) from \($0.from)" } }

  /// Listeners `a` and `b`, of which `b` has refused the first event.
  static func lagging() throws -> LagStage {
    let stage = LagStage()
    try stage.connect("a", "b")
    stage.wire.refusing = ["b"]
    try stage.publish(1)
    stage.wire.refusing = []
    stage.clock.advance(milliseconds: 200)
    return stage
  }
}
