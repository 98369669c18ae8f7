import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Publisher

@Suite("the sweep of event streams")
struct SweepEventStreamsTests {
  private func open(_ stage: Stage, user: String? = "u-1", route: String = "orders") throws -> EventStreamRecord {
    try stage.connections.eventStreams().register(
      EventStreamRecord(
        route: route, user: user, role: .viewer, correlationID: CorrelationID("desk-7"),
        openedAtMilliseconds: stage.clock.clock.milliseconds()))
  }

  private func rows(_ stage: Stage) throws -> Int {
    var rows = 0
    try stage.connections.eventStreams().each { _ in rows += 1 }
    return rows
  }

  @Test(
    "a stream whose function died is one line of the log, with how long it lived, and leaves no row",
    arguments: [#"{"sweep":{}}"#, #"{"sweepEventStreams":{}}"#])
  func lost(payload: String) throws {
    let stage = Stage()
    _ = try open(stage)
    var held = [try open(stage, user: nil, route: "prices")]
    for _ in 0..<8 {
      stage.clock.advance(seconds: 5)
      _ = try stage.connections.eventStreams().check(&held)
    }
    for _ in 0..<3 { _ = try stage.publish(payload) }
    let lines = stage.lines(saying: "event stream ended")
    #expect(lines.count == 1 && lines[0].contains(#""level":"INFO""#) && lines[0].contains(#""reason":"lost""#))
    #expect(lines[0].contains(#""clientId":"u-1-orders-1800000000000""#) && lines[0].contains(#""seconds":25"#))
    #expect(lines[0].contains(#""correlationId":"desk-7""#))
    #expect(try rows(stage) == 1 && held.count == 1)
  }

  @Test("a table that fails there fails nothing else, and the next sweep makes it good")
  func failing() throws {
    var isFailing = true
    let stage = Stage { FailingStreams($0) { isFailing } }
    _ = try open(stage)
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.lines(saying: "event streams not swept").first?.contains(#""level":"ERROR""#) == true)
    #expect(try stage.connections.totals()?.total == 0)
    isFailing = false
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.lines(saying: "event stream ended").count == 1)
    #expect(try rows(stage) == 0)
  }
}

/// A table that cannot read where event streams stand.
private final class FailingStreams: ForwardingTable {
  private let table: any Table
  private let isFailing: () -> Bool

  init(_ table: any Table, isFailing: @escaping () -> Bool) {
    self.table = table
    self.isFailing = isFailing
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    if case .query(let query) = call, query.partition.hasPrefix("es#"), isFailing() {
      throw TableError(code: .unavailable, operation: "query")
    }
    return try body(table)
  }
}
