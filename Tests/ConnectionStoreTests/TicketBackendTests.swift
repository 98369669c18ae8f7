import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Access
@testable import Connections

/// Tickets and the rows of event streams on every backend: what they rest on are conditions.
@Suite("tickets and event streams on every table")
struct TicketBackendTests {
  private let identity = Identity(principal: Principal(user: "u-1", role: .viewer, groups: ["desk"]))

  private func grant(_ outcome: TicketOutcome) -> TicketGrant? {
    if case .opened(let grant) = outcome { grant } else { nil }
  }

  @Test(
    "of two that open a ticket at once exactly one has it, at the first opening and at every later one",
    arguments: Backend.allCases)
  func races(backend: Backend) throws {
    let stage = try backend.open()
    let tickets = Tickets(table: stage.table, clock: stage.time.clock)
    let issued = try tickets.issue(identity)
    var lastEventID: String?
    for round in 0..<3 {
      var other: TicketGrant?
      let interrupted = InterruptedTable(stage.table, before: 2) {
        other = grant(try tickets.open(issued.ticket.text, lastEventID: lastEventID))
      }
      let slow = Tickets(table: interrupted, clock: stage.time.clock)
      guard case .refused(.raced) = try slow.open(issued.ticket.text, lastEventID: lastEventID) else {
        Issue.record("both have it in round \(round)")
        return
      }
      try interrupted.finish()
      let held = try #require(other)
      #expect(try tickets.lost([held]).isEmpty && held.identity.principal == identity.principal)
      lastEventID = held.stamp.stamped("1-\(round).AQ")
      stage.time.advance(seconds: 31)
    }
    #expect(grant(try tickets.open(issued.ticket.text, lastEventID: "1-1.AQ")) == nil)
    stage.time.advance(seconds: 900)
    #expect(grant(try tickets.open(issued.ticket.text, lastEventID: lastEventID)) == nil)
  }

  @Test(
    "event streams live while they are looked at, end when they are told to, and are swept",
    arguments: Backend.atomic)
  func eventStreams(backend: Backend) throws {
    let stage = try backend.open()
    let streams = EventStreams(table: stage.table, shards: 2, clock: stage.time.clock)
    var held: [EventStreamRecord] = []
    for number in 0..<5 {
      held.append(
        try streams.register(
          EventStreamRecord(
            route: "orders", user: number < 3 ? "u-1" : nil, role: .viewer, keyHashes: ["k"],
            openedAtMilliseconds: stage.time.clock.milliseconds())))
    }
    #expect(Set(held.map(\.clientID)).count == 5)
    #expect(try streams.end(held[1], reason: .limit))
    stage.time.advance(seconds: 5)
    #expect(try streams.check(&held).map(\.endReason) == [.limit])
    stage.time.advance(seconds: 5)
    #expect(try streams.check(&held).isEmpty && held.count == 4)
    #expect(try streams.end(openedBy: "k") == 4)
    stage.time.advance(seconds: 10)
    #expect(try streams.check(&held).count == 4 && held.isEmpty)
    _ = try streams.register(
      EventStreamRecord(
        route: "prices", user: nil, role: nil, openedAtMilliseconds: stage.time.clock.milliseconds()))
    stage.time.advance(seconds: 60)
    #expect(try streams.sweep().map(\.route) == ["prices"])
    #expect(try streams.sweep().isEmpty && streams.totals().total == 0)
  }
}
