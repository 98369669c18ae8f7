import Access
import ConnectionStore
import Foundation
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Connections
@testable import Delivery
@testable import EventLog
@testable import Publisher

/// The table of `Docs/cost.md`, measured. A change that makes something dearer or cheaper fails here until the page
/// says so.
@Suite("what the table costs")
struct TableCostTests {
  /// As `infra/template.yaml` sets it.
  static let shards = 8

  @Test("Docs/cost.md tells the requests and units that the code makes")
  func page() throws {
    let page = try String(contentsOf: Self.repository.appending(path: "Docs/cost.md"), encoding: .utf8)
    for row in try rows() { #expect(page.contains(row), "the page lacks this row, as measured now:\n\(row)") }
  }

  @Test("a $connect writes its row and one a topic in one request, and reads nothing: fewer would lose one of them")
  func connect() throws {
    let world = World()
    let table = MeteredTable(world.table)
    let record = world.record(["signal", "risk", "system"], groups: ["g-1"])
    let cost = try table.cost { _ = try world.connections(over: table, shards: Self.shards).connect(record: record) }
    #expect(cost.requests == 1 && cost.halfReadUnits == 0)
    #expect(cost.itemsWritten == 1 + record.topics.count)
  }

  /// As StreamHandler does it for everybody who reads event streams.
  private static func look(over table: any Table, _ world: World) {
    let follower = LogFollower(
      table: table, pace: FollowingPace(shortestMilliseconds: 250, longestMilliseconds: 2_000),
      clock: world.clock.clock, log: Log(minimum: .fatal))
    for stream in ["all/signal", "all/risk", "all/system", "all/announcement", "user/u-1"] {
      _ = follower.follow(stream, head: nil)
    }
    world.clock.advance(milliseconds: 500)
    follower.tick()
  }

  private func rows() throws -> [String] {
    try [
      row("`$connect`, no user, no subscription") { connections, world in
        _ = try connections.connect(record: world.record(user: nil))
      },
      row("`$connect` of a user") { connections, world in _ = try connections.connect(record: world.record()) },
      row("`$connect` of a user with three subscriptions") { connections, world in
        _ = try connections.connect(record: world.record(["signal", "risk", "system"]))
      },
      row("and the count of that user's connections, of both kinds") { connections, world in
        _ = try connections.connections(of: "u-1")
        _ = try connections.eventStreams().streams(of: "u-1")
      },
      row("and, where a greeting follows, the pause of that user's stream") { connections, world in
        let rows = LagRows(table: connections.table, clock: world.clock.clock)
        _ = try rows.pause([StreamName.user("u-1")], id: world.id)
      },
      row("`subscribe` to one type") { connections, world in
        try Self.subscribe(world.change(add: ["decision"], count: 1), connections, world)
      },
      row("`subscribe` to ten keys of a type") { connections, world in
        let change = world.change(add: ["price:update"], keys: (1...10).map { "K\($0)" }, count: 1)
        try Self.subscribe(change, connections, world)
      },
      row("`subscribe` to what it has already") { connections, world in
        try Self.subscribe(world.change(add: ["signal"], count: 1), connections, world)
      },
      row("`unsubscribe` from one type") { connections, world in
        _ = try connections.change(id: world.id) { _ in world.change(remove: ["signal"], count: 1) }
      },
      row("`status`; `ping` of a client that said no hello") { connections, world in
        _ = try connections.connection(id: world.id)
      },
      row("`hello`, first, to three types of which one has 100 keys") { connections, world in
        try Self.log(world)
        guard
          case .changed(let record) = try connections.change(
            id: world.id, accepting: .batch, { _ in world.change(count: 1) })
        else { return }
        _ = try Self.reader(connections).recover(record: record)
      },
      row("`hello` again, with a cursor, nothing missed") { connections, world in
        let outcome = try connections.change(id: world.id, accepting: []) { _ in world.change(count: 1) }
        guard case .changed(let record) = outcome else { return }
        _ = try Self.reader(connections).recover(record: record, cursor: Self.cursor(world).text)
      },
      row("`ping` with a cursor of five streams") { connections, world in
        guard let record = try connections.connection(id: world.id) else { return }
        _ = try Self.reader(connections).cursor(record: record)
      },
      row("a look at the log for all event streams of an environment, which follow five streams") {
        Self.look(over: $0.table, $1)
      },
      row("and what is new in one of those five") { connections, world in
        var log = StreamLog(table: world.table, shards: Self.shards, clock: world.clock.clock)
        _ = try log.append([Self.personal("alert:new", "a-1", "{}")], to: "user/u-1")
        Self.look(over: connections.table, world)
      },
      row("`$disconnect`, or a connection found gone, with three subscriptions") { connections, world in
        try connections.disconnect(id: world.id)
      },
      row("publish of an event with a key, nobody listening") { connections, world in
        try Self.publish(key: "NOBODY", over: connections.table, world)
      },
      row("publish of an event without a key to 1,000 listeners") { connections, world in
        try Self.publish(key: nil, over: connections.table, world)
      },
      row("publish of an event with a key that came by a queue, nobody listening") { connections, world in
        try Self.publish(key: "NOBODY", isNamed: true, over: connections.table, world)
      },
      row("publish of ten events of one key that came by a queue, nobody listening") { connections, world in
        try Self.publish(key: "NOBODY", count: 10, isNamed: true, over: connections.table, world)
      },
      row("publish of ten events of ten keys that came by a queue, nobody listening") { connections, world in
        try Self.publish(count: 10, isNamed: true, over: connections.table, world)
      },
      row("publish of 100 events of 20 keys with idempotency keys, to 1,000 listeners") { connections, world in
        try Self.publish(count: 100, isNamed: true, over: connections.table, world)
      },
      row("publish of an event to one user") { connections, world in
        try Self.publish(user: "u-1", over: connections.table, world)
      },
      row("append of an order to a user who has 20 orders") { connections, world in
        try Self.appendOrder("o-21", over: connections.table, world)
      },
      row("append of a change of one of 20 orders, or a fill") { connections, world in
        try Self.appendOrder("o-7", over: connections.table, world)
      },
      row("append of a change of one of 20 positions") { connections, world in
        try Self.appendPosition(over: connections.table, world)
      },
      row("append of an event to a user that changes no state") { connections, world in
        try Self.append(over: connections.table, world) { _ in [Self.personal("alert:new", "a-1", "{}")] }
      },
      row("append of an event of a strategy") { connections, world in
        try Self.append(over: connections.table, world) { _ in
          [Self.personal("strategy:update", "s-1", #"{"strategyId":"s-1","status":"started"}"#)]
        }
      },
      row("the 20 orders of a user, read") { connections, world in
        try Self.appendOrder("o-7", over: connections.table, world)
        (connections.table as? MeteredTable)?.reset()
        _ = try Self.reader(connections).orders(of: "user/u-1")
      },
      row("the greeting of a client that says no hello") { connections, world in
        guard let id = ConnectionID("GreetedAbCdEfGh=") else { return }
        let now = world.clock.clock.milliseconds()
        let principal = Principal(user: nil, role: .admin)
        _ = try connections.connect(
          record: ConnectionRecord(
            id: id, principal: principal, connectedAtMilliseconds: now, expectsGreeting: true))
        (connections.table as? MeteredTable)?.reset()
        guard try connections.connection(id: id) != nil, try connections.claimGreeting(of: id) else { return }
        try connections.recordGreeted(id)
      },
      row("that a client was heard: once a minute at most, and once a ping") { connections, world in
        guard let record = try connections.connection(id: world.id) else { return }
        world.clock.advance(seconds: 60)
        (connections.table as? MeteredTable)?.reset()
        try connections.recordActivity(of: record)
      },
      row("an event stream that is opened") { connections, world in
        _ = try Self.streams(connections, world, count: 1)
      },
      row("a look at an event stream, each 5 seconds") { connections, world in
        var held = try Self.streams(connections, world, count: 1)
        world.clock.advance(seconds: 5)
        (connections.table as? MeteredTable)?.reset()
        _ = try connections.eventStreams().check(&held)
      },
      row("every second time, when its row is refreshed") { connections, world in
        var held = try Self.streams(connections, world, count: 1)
        world.clock.advance(seconds: 10)
        (connections.table as? MeteredTable)?.reset()
        _ = try connections.eventStreams().check(&held)
      },
      row("and of a hundred event streams of one environment together") { connections, world in
        var held = try Self.streams(connections, world, count: 100)
        world.clock.advance(seconds: 10)
        (connections.table as? MeteredTable)?.reset()
        _ = try connections.eventStreams().check(&held)
      },
      row("an event stream that ends") { connections, world in
        let held = try Self.streams(connections, world, count: 1)
        (connections.table as? MeteredTable)?.reset()
        try connections.eventStreams().remove(held[0])
      },
      row("a ticket") { connections, world in
        _ = try Self.ticket(connections, world)
      },
      row("an event stream that a ticket opens: before its own row") { connections, world in
        let issued = try Self.ticket(connections, world)
        let tickets = Tickets(table: connections.table, clock: world.clock.clock)
        (connections.table as? MeteredTable)?.reset()
        _ = try tickets.open(issued.ticket.text, lastEventID: nil)
      },
      row("and the sweep of event streams, of which there are none") { connections, _ in
        _ = try connections.eventStreams().sweep()
      },
      row("sweep, nothing to do, nobody there") { connections, world in
        try connections.disconnect(id: world.id)
        try Self.sweep(connections, world)
      },
      row("sweep that pings 100 silent connections") { connections, world in
        for number in 1..<100 {
          guard let id = ConnectionID("C\(1_000_000 + number)AbCdEf=") else { return }
          _ = try connections.connect(record: world.record(id: id))
        }
        world.clock.advance(seconds: 120)
        try Self.sweep(connections, world)
      },
      row("sweep, nothing to do, of 1,001 connections, of 1,000 listeners") { connections, world in
        try Self.sweep(connections, world)
      },
    ]
  }

  /// Measures an operation of a user `u-1` who is connected with three subscriptions, unless the operation connects.
  private func row(_ name: String, _ operation: (Connections, World) throws -> Void) throws -> String {
    let world = World()
    let table = MeteredTable(world.table)
    let connections = world.connections(over: table, shards: Self.shards)
    if !name.hasPrefix("`$connect`") {
      _ = try connections.connect(record: world.record(["signal", "risk", "system"]))
    }
    if name.hasSuffix("1,000 listeners") { try listen(connections, world, count: 1000) }
    let cost = try table.cost { try operation(connections, world) }
    let reads = Double(cost.halfReadUnits) / 2
    let shown = reads == reads.rounded() ? "\(Int(reads))" : "\(reads)"
    return "| \(name) | \(cost.requests) | \(cost.itemsWritten) | \(cost.writeUnits) | \(shown) |"
  }

  /// What DefaultHandler asks of the table, in its order; the log is empty.
  private static func subscribe(
    _ change: SubscriptionChange, _ connections: Connections, _ world: World
  ) throws {
    guard let record = try connections.connection(id: world.id) else { return }
    let newlySubscribed = record.newlySubscribed(by: change)
    let rows = LagRows(table: connections.table, clock: world.clock.clock)
    let pauses = try rows.pause(newlySubscribed.subscribedStreams(types: .standard), id: world.id)
    _ = try connections.change(id: world.id, isPaused: !pauses.isEmpty) { _ in change }
    _ = try reader(connections).states(record: newlySubscribed, pauses: pauses)
    try rows.resume(pauses, id: world.id)
    _ = try reader(connections).hasMore(than: pauses)
  }

  private static func streams(
    _ connections: Connections, _ world: World, count: Int
  ) throws -> [EventStreamRecord] {
    try (0..<count).map {
      try connections.eventStreams().register(
        EventStreamRecord(
          route: "orders", user: "u-\($0)", role: .viewer, openedAtMilliseconds: world.clock.clock.milliseconds()))
    }
  }

  private static func ticket(_ connections: Connections, _ world: World) throws -> IssuedTicket {
    try Tickets(table: connections.table, clock: world.clock.clock).issue(
      Identity(principal: Principal(user: "u-1", role: .viewer)))
  }

  private static func sweep(_ connections: Connections, _ world: World) throws {
    (connections.table as? MeteredTable)?.reset()
    let sender = StreamSender(
      table: connections.table, types: .standard, sender: Everybody(), shards: shards, log: Log(minimum: .fatal),
      clock: world.clock.clock)
    _ = try connections.ended()
    _ = try sender.activeStreams.all()
    var watch = PingWatch()
    _ = sender.goRound(
      pinging: PingPolicy(StreamLimits()), watch: &watch,
      deadlineMilliseconds: world.clock.clock.milliseconds() + 30_000)
  }

  private func listen(_ connections: Connections, _ world: World, count: Int) throws {
    for number in 0..<count {
      let id = try #require(ConnectionID("C\(1_000_000 + number)AbCdEf="))
      _ = try connections.connect(record: world.record(["price:update"], id: id, user: "u-\(number)"))
    }
  }

  /// Append and send, by an environment that published to this stream a moment ago.
  private static func publish(
    key: String? = nil, user: String? = nil, count: Int = 1, isNamed: Bool = false, over table: any Table,
    _ world: World
  ) throws {
    guard let table = table as? MeteredTable else { return }
    var log = StreamLog(table: table, shards: shards, clock: world.clock.clock)
    let sender = StreamSender(
      table: table, types: .standard, sender: Everybody(), shards: shards, log: Log(minimum: .fatal),
      clock: world.clock.clock)
    for attempt in 0..<2 {
      // What a client without batches was sent before is paid.
      world.clock.advance(seconds: 3)
      let events = (0..<count).map { number in
        Event(
          type: "price:update", key: count == 1 ? key : key ?? "K\(number % 20)",
          audience: user.map(Audience.user) ?? .everyone, data: bytes("7"), id: "1-\(number)", timestamp: "",
          idempotencyKey: !isNamed ? nil : "i-\(attempt)-\(number)")
      }
      if attempt == 1 { table.reset() }
      let stream = events[0].stream
      _ = try log.append(events, to: stream)
      _ = sender.send(stream: stream, deadlineMilliseconds: world.clock.clock.milliseconds() + 30_000)
      world.clock.advance(seconds: 1)
    }
  }

  // MARK: States

  private static func appendOrder(_ id: String, over table: any Table, _ world: World) throws {
    let order = { (id: String) in
      personal(
        "order:update", id,
        #"{"orderId":"\#(id)","symbol":"AAPL","side":"buy","qty":10,"status":"new","timestamp":"2026-01-02T10:30:00Z"}"#
      )
    }
    try append(over: table, world) { attempt in attempt == 0 ? (1...20).map { order("o-\($0)") } : [order(id)] }
  }

  private static func appendPosition(over table: any Table, _ world: World) throws {
    let position = { (number: Int) in
      personal(
        "position:update", "S-\(number)",
        #"{"symbol":"S-\#(number)","quantity":"10","entryPrice":"150.00","currentPrice":"152.50"}"#)
    }
    try append(over: table, world) { attempt in attempt == 0 ? (1...20).map(position) : [position(7)] }
  }

  private static func personal(_ type: String, _ key: String, _ data: String) -> Event {
    Event(
      type: type, key: key, audience: .user("u-1"), version: 1, data: bytes(data), id: "1800000000000-0123456789abcdef",
      timestamp: "2026-01-02T10:30:00.000Z")
  }

  /// By an environment that appended to this stream a moment ago; what it did then is not counted.
  private static func append(
    over table: any Table, _ world: World, _ events: (_ attempt: Int) -> [Event]
  ) throws {
    guard let table = table as? MeteredTable else { return }
    var log = StreamLog(
      table: table, shards: shards, states: StateRules(types: .standard, limits: StreamLimits()),
      clock: world.clock.clock)
    for attempt in 0..<2 {
      if attempt == 1 { table.reset() }
      _ = try log.append(events(attempt), to: "user/u-1")
    }
  }

  /// What was published before: the newest of a hundred keys, all sent.
  private static func log(_ world: World) throws {
    var log = StreamLog(table: world.table, shards: shards, clock: world.clock.clock)
    let events = (0..<100).map {
      Event(type: "signal", key: "K\($0)", audience: .everyone, data: bytes("7"), id: "1-\($0)", timestamp: "")
    }
    _ = try log.append(events, to: "all/signal")
    let sender = StreamSender(
      table: world.table, types: .standard, sender: Everybody(), shards: shards, log: Log(minimum: .fatal),
      clock: world.clock.clock)
    _ = sender.send(stream: "all/signal", deadlineMilliseconds: world.clock.clock.milliseconds() + 30_000)
  }

  private static func cursor(_ world: World) -> Cursor {
    var cursor = Cursor()
    for stream in ["user/u-1", "all/signal", "all/risk", "all/system", "all/announcement"] {
      cursor.set(stream: stream, epoch: "", to: 0)
    }
    return cursor
  }

  private static func reader(_ connections: Connections) -> RecoveryReader {
    RecoveryReader(table: connections.table, types: .standard, shards: shards, clock: connections.clock)
  }

  private static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

/// Everybody gets everything.
private struct Everybody: FrameSender {
  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult {
    var counts = DeliveryCounts()
    while let page = nextPage([]) { counts.deliveries += page.count }
    return DeliveryResult(counts: counts)
  }
}
