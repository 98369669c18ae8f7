import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport

@testable import EventLog

/// A log that keeps states, and what is read of them.
struct StateStage {
  let world = World()
  var limits = StreamLimits()
  let stream = "user/u-1"

  func log(over table: (any Table)? = nil) -> StreamLog {
    StreamLog(
      table: table ?? world.table, limits: limits, states: StateRules(types: .standard, limits: limits),
      clock: world.clock.clock)
  }

  func reader(over table: (any Table)? = nil) -> RecoveryReader {
    RecoveryReader(table: table ?? world.table, types: .standard, limits: limits, clock: world.clock.clock)
  }

  func event(
    _ type: String, _ key: String?, _ data: String, idempotencyKey: String? = nil, user: String = "u-1",
    number: Int = 0
  ) -> Event {
    Event(
      type: type, key: key, audience: .user(user), data: bytes(data),
      id: "\(world.clock.clock.milliseconds())-\(number)", timestamp: "2026-01-02T10:30:00.000Z",
      idempotencyKey: idempotencyKey)
  }

  func order(_ id: String, _ members: String, idempotencyKey: String? = nil) -> Event {
    event("order:update", id, #"{"orderId":"\#(id)",\#(members)}"#, idempotencyKey: idempotencyKey)
  }

  func fill(_ id: String, _ quantity: Int, idempotencyKey: String? = nil) -> Event {
    event(
      "order:fill", id, #"{"orderId":"\#(id)","filledQty":\#(quantity),"filledAvgPrice":1.50}"#,
      idempotencyKey: idempotencyKey)
  }

  func position(_ symbol: String, _ quantity: String, at price: String, idempotencyKey: String? = nil) -> Event {
    event(
      "position:update", symbol, #"{"symbol":"\#(symbol)","quantity":\#(quantity),"currentPrice":\#(price)}"#,
      idempotencyKey: idempotencyKey)
  }

  /// What is kept under a list, each as text.
  func states(_ list: String, over table: (any Table)? = nil) throws -> [String] {
    try reader(over: table).states(list, of: stream)?.values.map { text($0.event.data) } ?? []
  }

  /// The data of the events of the log.
  func logged(over table: (any Table)? = nil) throws -> [String] {
    let log = log(over: table)
    guard let head = try log.head(stream: stream) else { return [] }
    return try log.read(stream: stream, head: head, after: 0, limitEvents: .max, limitBytes: .max).events.map {
      text($0.event.data)
    }
  }
}
