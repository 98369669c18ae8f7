import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("the sweep counts connections")
struct SweepTotalsTests {
  private static let sweep = #"{"sweep":{}}"#

  @Test("each minute how many there are and of each role is a metric, and the totals stand in their row")
  func metrics() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("role", "admin")], id: ConnectionID("A="))
    _ = try stage.connect([("userId", "u-2"), ("role", "viewer")], id: ConnectionID("B="))
    _ = try stage.connect([("userId", "u-2"), ("role", "viewer")], id: ConnectionID("C="))
    _ = try stage.publish(Self.sweep)
    let written = stage.lines.all.filter { $0.contains(#""Connections":["#) }
    #expect(written.count == 6)
    #expect(written[0].contains(#""Connections":[3.0],"Users":[2.0]"#))
    for (role, count) in [("admin", 1), ("analyst", 0), ("approver", 0), ("viewer", 2), ("none", 0)] {
      #expect(written.contains { $0.contains(#""Role":"\#(role)","Connections":[\#(count).0]"#) }, "\(role)")
    }
    #expect(!written.contains { $0.contains("Receivers") || $0.contains("Accepted") })
    #expect(try stage.connections.totals()?.total == 3)
  }

  @Test("a publish, which counts no connections, says nothing of their number: also with nobody there it is no 0")
  func publish() throws {
    let stage = Stage()
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    #expect(!stage.lines.all.contains { $0.contains(#""Connections""#) })
    #expect(stage.lines.all.contains { $0.contains(#""Receivers":[0.0]"#) })
  }

  @Test("a lost $disconnect counts until the connection's next event")
  func lostDisconnect() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("eventTypes", "signal")])
    stage.clock.advance(seconds: 60)
    stage.ear.gone = [stage.id.text]
    _ = try stage.publish(Self.sweep)
    #expect(try stage.connections.totals()?.total == 1)
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    try stage.runInvocations()
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(Self.sweep)
    #expect(try stage.connections.totals()?.total == 0)
  }

  @Test("a table that fails at the counting fails nothing else: the sweep ends, with an error in the log")
  func failing() throws {
    var isFailing = false
    let stage = Stage { FailingTotals($0) { isFailing } }
    _ = try stage.connect()
    isFailing = true
    _ = try stage.publish(Self.sweep)
    #expect(stage.lines(saying: "connections not counted").first?.contains(#""level":"ERROR""#) == true)
    #expect(!stage.lines.all.contains { $0.contains(#""Connections":["#) })
  }
}

/// A table in which, while that is so, the rows of all connections cannot be read.
private final class FailingTotals: ForwardingTable {
  private let table: any Table
  private let isFailing: () -> Bool

  init(_ table: any Table, _ isFailing: @escaping () -> Bool) {
    self.table = table
    self.isFailing = isFailing
  }

  func query(_ query: Query) throws(TableError) -> Page {
    if isFailing(), query.partition.hasPrefix("l#a#") { throw TableError(code: .unavailable, operation: "query") }
    return try table.query(query)
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer { try body(table) }
}
