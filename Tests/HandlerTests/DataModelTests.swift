import ConnectionStore
import Foundation
import JSON
import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Access
@testable import Connections
@testable import EventLog
@testable import TableBackends

/// One user with one connection, one event, one access key, on a table whose clock stands at 1,800,000,000 s.
private struct Scene {
  let clock = SettableClock()
  let table: MemoryTable
  let id = ConnectionID("L0SM9cOFvHcCIhw=")!
  let stream = "all/price:update"
  let shards = 8
  /// Counts, so that writers, epochs and keys are the same each time.
  let randomness: Randomness

  init() {
    table = MemoryTable(clock: clock.clock)
    let drawn = CountedDraws()
    randomness = Randomness { drawn.next() }
  }

  private final class CountedDraws: Sendable {
    private let count = Mutex<UInt64>(0)

    func next() -> UInt64 {
      count.withLock {
        $0 += 1
        return $0 &* 0x9E37_79B9_7F4A_7C15
      }
    }
  }

  /// The row of each kind as the code wrote it.
  func rows() throws -> [(kind: String, item: Item?)] {
    let stored = try key()
    try connection(keyHash: stored.hash)
    try event()
    let row = { (key: ItemKey) in try table.get(key, consistency: .strong) }
    var rows: [(kind: String, item: Item?)] = []
    rows.append(("ConnectionRow", try row(ConnectionRow.key(id: id))))
    let topic = Topic.key(type: "price:update", key: "AAPL")
    rows.append(("ListenerRow", try row(ListenerRow.key(topic, id: id, shards: shards))))
    _ = try Connections(table: table, shards: shards, clock: clock.clock).count(untilMilliseconds: .max)
    rows.append(("TotalsRow", try row(TotalsRow.key)))
    let opened = try eventStream(keyHash: stored.hash)
    rows.append(("EventStreamRow", try row(opened.key(shards: shards))))
    rows.append(("TicketRow", try row(try ticket(keyHash: stored.hash))))
    rows.append(("PresenceRow", try row(PresenceRow.key(user: "u-2"))))
    rows.append(("LogHeadRow", try row(LogHeadRow.key(stream: stream))))
    rows.append(("SegmentRow", try row(SegmentRow.key(stream: stream, first: 1))))
    rows.append(("ClaimRow", try row(ClaimRow.key(stream: stream, name: "order-17"))))
    rows.append(("CheckpointRow", try row(CheckpointRow.key(stream: stream))))
    rows.append(("LagLeaseRow", try row(LagLeaseRow.key(stream: stream))))
    rows.append(("LagRow", try row(LagRow.key(stream: stream, id: id))))
    rows.append(("LastValueRow", try row(LastValueRow.key(type: "price:update", key: "AAPL", shards: shards))))
    try state()
    rows.append(
      ("StateRow", try row(StateRow.key(stream: "user/u-1", type: "strategy:update", key: "str-1"))))
    rows.append(("OwnerRow", try row(OwnerRow.key(type: "strategy:update", key: "str-1"))))
    rows.append(("ActiveStreamRow", try row(ActiveStreamRow.key(stream: stream, shards: shards))))
    rows.append(("AccessKeyRow", try row(AccessKeyRow.key(hash: stored.hash))))
    rows.append(("KeyChangeRow", try table.query(Query(partition: KeyChangeRow.partition)).items.first))
    let window = clock.seconds - clock.seconds % AttemptRow.windowSeconds
    rows.append(("AttemptRow", try row(AttemptRow.key(address: "203.0.113.7", windowStart: window))))
    return rows
  }

  private func key() throws -> StoredKey {
    let principal = Principal(user: "u-1", role: .viewer, groups: ["desk-7"])
    let grant = KeyGrant(principal: principal, expires: clock.seconds + 30 * 24 * 60 * 60, label: "dashboard")
    let stored = try APIKeys(table: table, clock: clock.clock, randomness: randomness).create(grant).stored
    var limit = AttemptLimit(
      settings: try AttemptLimit.Settings(environment: Environment([:])), table: table, clock: clock.clock)
    _ = try limit.acquire("203.0.113.7")
    return stored
  }

  private func eventStream(keyHash: String) throws -> EventStreamRecord {
    let streams = EventStreams(table: table, shards: shards, clock: clock.clock, randomness: randomness)
    let stream = try streams.register(
      EventStreamRecord(
        route: "orders", user: "u-1", role: .viewer, clientName: "dashboard", keyHashes: [keyHash],
        correlationID: CorrelationID("desk-7.open"), openedAtMilliseconds: clock.clock.milliseconds()))
    _ = try streams.end(stream, reason: .limit)
    return stream
  }

  private func ticket(keyHash: String) throws -> ItemKey {
    let tickets = Tickets(table: table, clock: clock.clock, randomness: randomness)
    let principal = Principal(user: "u-1", role: .viewer, groups: ["desk-7"])
    let issued = try tickets.issue(Identity(principal: principal, scopes: ["read"], keyHashes: [keyHash]))
    _ = try tickets.open(issued.ticket.text, lastEventID: nil)
    return TicketRow.key(hash: issued.ticket.hash)
  }

  private func connection(keyHash: String) throws {
    let connections = Connections(table: table, shards: shards, clock: clock.clock, randomness: randomness)
    let now = clock.clock.milliseconds()
    let record = ConnectionRecord(
      id: id, principal: Principal(user: "u-1", role: .viewer, groups: ["desk-7"]), clientName: "dashboard",
      sourceAddress: "203.0.113.7", connectedAtMilliseconds: now, untilMilliseconds: now + 3_600_000,
      keyHashes: [keyHash], correlationID: CorrelationID("desk-7.open"), expectsGreeting: true)
    _ = try connections.connect(record: record)
    _ = try connections.claimGreeting(of: id)
    try connections.recordGreeted(id)
    let order = Order(count: nil, milliseconds: now, messageID: "m-1")
    let subscription = Subscription(type: "price:update", selector: .key("AAPL"), shownAs: "price")
    _ = try connections.change(id: id, accepting: [.parts, .batch], isPaused: true) { _ in
      SubscriptionChange(add: [subscription], order: order)
    }
    try connections.recordPings(of: [record])
    _ = try Presence(table: table, clock: clock.clock).recordLeft("u-2")
  }

  private func state() throws {
    let event = Event(
      type: "strategy:update", key: "str-1", audience: .user("u-1"),
      data: Array(#"{"strategyId":"str-1","status":"started"}"#.utf8), id: "1800000000000-2",
      timestamp: "2027-01-15T08:00:00.000Z")
    var log = StreamLog(
      table: table, shards: shards, states: StateRules(types: .standard, limits: StreamLimits()), clock: clock.clock,
      randomness: randomness)
    _ = try log.append([event], to: event.stream)
  }

  private func event() throws {
    let event = Event(
      type: "price:update", key: "AAPL", data: Array(#"{"price":152.50}"#.utf8), id: "1800000000000-1",
      timestamp: "2027-01-15T08:00:00.000Z", idempotencyKey: "order-17")
    var log = StreamLog(table: table, shards: shards, clock: clock.clock, randomness: randomness)
    _ = try log.append([event], to: stream)
    let head = try #require(try log.head(stream: stream))
    let lags = LagRows(table: table, clock: clock.clock, randomness: randomness)
    try lags.record([Lag(id: id, from: 1, failures: 1, pace: .slow)], stream: stream, epoch: head.epoch)
    try LastValues(table: table, shards: shards, clock: clock.clock).record(
      [LoggedEvent(sequence: 1, event: event)], epoch: head.epoch)
    let checkpoints = Checkpoints(table: table, clock: clock.clock, randomness: randomness)
    var lease = try #require(try checkpoints.acquire(stream: stream))
    lease.follow(head.epoch)
    lease.roundAtMilliseconds = clock.clock.milliseconds()
    lease.interruptedRound = InterruptedRound(end: 1, position: ListenerPosition(shard: 3, after: id.text))
    _ = try checkpoints.write(&lease)
    _ = try LagLeases(table: table, clock: clock.clock, randomness: randomness).acquire(stream: stream)
  }
}

@Suite("the page of the data model")
struct DataModelTests {
  /// Of each section the item of its example.
  private static func examples() throws -> [String: Item] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try String(contentsOf: root.appending(path: "Docs/data-model.md"), encoding: .utf8)
    var examples: [String: Item] = [:]
    for section in page.components(separatedBy: "\n### ").dropFirst() {
      let parts = section.components(separatedBy: "```json\n")
      guard parts.count == 2, let example = parts[1].components(separatedBy: "```").first else { continue }
      var reader = JSONReader(Array(example.utf8))
      examples[String(section.prefix { $0.isLetter })] = try reader.item()
    }
    return examples
  }

  private static func text(_ item: Item?) -> String {
    guard let item else { return "no row" }
    var writer = JSONWriter()
    writer.object { $0.member("Item", item: item) }
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test("each example on the page is the row that the code writes")
  func written() throws {
    let (examples, rows) = (try Self.examples(), try Scene().rows())
    #expect(Set(examples.keys) == Set(rows.map(\.kind)))
    for (kind, item) in rows {
      #expect(item != nil && examples[kind] == item, "\(kind) is \(Self.text(item))")
    }
  }

  @Test("each example on the page is read back as what it was written from")
  func read() throws {
    let examples = try Self.examples()
    func example(_ kind: String) throws -> Item { try #require(examples[kind], "\(kind) has no example") }
    let id = try #require(ConnectionID("L0SM9cOFvHcCIhw="))
    let connection = try #require(ConnectionRecord(try example("ConnectionRow"), id: id))
    #expect(connection.principal.groups == ["desk-7"] && connection.subscriptions.active.count == 1)
    let listener = try #require(ListenerRow(try example("ListenerRow")))
    #expect(listener.id == id && listener.filter.shownAs == "price" && listener.accepts == [.parts, .batch])
    #expect(ConnectionTotals(try example("TotalsRow"))?.most.first?.name == "u-1")
    #expect(EventStreamRecord(try example("EventStreamRow"))?.clientID == "u-1-orders-1800000000000")
    #expect(StoredTicket(try example("TicketRow"))?.identity.principal.user == "u-1")
    #expect(PresenceRow(try example("PresenceRow")).leftMilliseconds == 1_800_000_000_000)
    #expect(LogHead(try example("LogHeadRow"))?.last == 1)
    let segment = try #require(SegmentRow(try example("SegmentRow")))
    #expect(try segment.events(audience: .everyone).map(\.event.key) == ["AAPL"])
    #expect(ClaimRow(try example("ClaimRow"))?.sequence == 1)
    let lease = CheckpointRow.lease(try example("CheckpointRow"), stream: "all/price:update", holder: "")
    #expect(lease.epoch == segment.epoch && lease.interruptedRound?.position.shard == 3)
    #expect(LagLeases.term.isLeased(try example("LagLeaseRow"), at: 1_800_000_010_000))
    #expect(LaggingConnection(try example("LagRow"))?.pace == .slow)
    #expect(try LastValueRow(try example("LastValueRow")).event().event.key == "AAPL")
    let state = try StateRow.value(try example("StateRow"), audience: .user("u-1"))
    #expect(state.event.key == "str-1" && state.sequence == 1)
    #expect(try example("OwnerRow").string(OwnerRow.Attribute.stream) == "user/u-1")
    #expect(ActiveStreams.Entry(try example("ActiveStreamRow"))?.stream == "all/price:update")
    #expect(StoredKey(try example("AccessKeyRow"), hash: "")?.grant.label == "dashboard")
    #expect(KeyChange(try example("KeyChangeRow"))?.action == "created")
  }
}
