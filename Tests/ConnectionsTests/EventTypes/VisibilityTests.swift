import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import TestSupport
import Testing

@Suite("what a connection may see")
struct VisibilityTests {
  @Test(
    "on every path that reads, a connection is shown what it may see, by a name it asked by, and nothing else",
    arguments: 1...60)
  func paths(seed: UInt64) throws {
    var situation = Situation(seed: seed)
    situation.shards = situation.pick([1, 3])
    try situation.connect(12)
    let events = (0..<40).map { situation.event($0) }
    let live = try shownLive(events, situation)
    for id in situation.principals.keys.sorted() {
      let record = try #require(try situation.world.connections().connection(id: ConnectionID(id)!))
      for event in events {
        let shown = record.shownName(of: event, types: .standard)
        let said: Comment = "seed \(seed), connection \(id), \(event.type) \(event.key ?? "-") \(event.audience)"
        #expect(live["\(id) \(event.id)"] == shown, said)
        let allowed = situation.names(of: event, for: id)
        #expect(shown.map(allowed.contains) ?? allowed.isEmpty, said)
      }
    }
  }

  /// By the listener rows, as a sender reads them.
  private func shownLive(_ events: [Event], _ situation: Situation) throws -> [String: String] {
    var shown: [String: String] = [:]
    for run in events.runs {
      var listeners = RecipientReader(
        run, table: situation.world.table, types: .standard, shards: situation.shards, pageSize: 3)
      while case let page = try listeners.next(), !page.isEmpty {
        for recipient in page {
          for part in recipient.matches { shown["\(recipient.id.text) \(run.events[part.event].id)"] = part.shownAs }
        }
      }
    }
    return shown
  }

  @Test("two readers in one process each go by the table they were handed")
  func handedIn() throws {
    let world = World()
    let own = try EventTypeTable(
      reading: bytes(#"{"version":1,"types":[{"name":"risk","roles":["viewer"],"schema":{},"example":1}]}"#),
      file: "own.json")
    let record = world.record(["risk"], role: .viewer)
    _ = try world.connections().connect(record: record)
    let event = Event(type: "risk", key: nil, data: bytes("1"), id: "1-a", timestamp: "")
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    _ = try log.append([event], to: "all/risk")
    for (types, isSeen) in [(own, true), (EventTypeTable.standard, false)] {
      #expect((record.shownName(of: event, types: types) != nil) == isSeen)
      var recipients = RecipientReader(EventBatch([event]), table: world.table, types: types, shards: 1)
      #expect(try recipients.next().isEmpty != isSeen)
      let recovery = try RecoveryReader(table: world.table, types: types, clock: world.clock.clock).recover(
        record: record)
      #expect(recovery.parts.contains { $0.stream == "all/risk" } == isSeen)
      #expect(record.subscribedStreams(types: types).isEmpty != isSeen)
    }
  }

  @Test(
    "a snapshot holds the newest broadcast of each key that the connection may see, and nobody's own events",
    arguments: 1...40)
  func snapshots(seed: UInt64) throws {
    var situation = Situation(seed: seed)
    try situation.connect(6)
    let events = (0..<60).map { situation.event($0) }
    try append(events, sent: true, situation.world)
    let reader = RecoveryReader(
      table: situation.world.table, types: .standard, clock: situation.world.clock.clock)
    for id in situation.principals.keys.sorted() {
      let record = try #require(try situation.world.connections().connection(id: ConnectionID(id)!))
      let parts = try reader.recover(record: record).parts
      for type in Situation.types.map(\.name) {
        let part = parts.first { $0.stream.utf8.elementsEqual("all/\(type)".utf8) }
        let expected = type == "announcement" ? [] : newest(events, of: type, for: id, situation)
        #expect(part?.snapshot?.map(\.event.id) ?? [] == expected, "seed \(seed), connection \(id), \(type)")
      }
      let personal = parts.filter { StreamName.type(of: $0.stream) == nil }.flatMap { $0.snapshot ?? [] }
      #expect(personal.isEmpty, "seed \(seed), connection \(id)")
    }
  }

  @Test(
    "a history, read from the first event on, holds what the connection may see, whoever it is for",
    arguments: 1...40)
  func histories(seed: UInt64) throws {
    var situation = Situation(seed: seed)
    try situation.connect(6)
    let events = (0..<60).map { situation.event($0) }
    try append(events, sent: situation.chance(50), situation.world)
    let reader = RecoveryReader(
      table: situation.world.table, types: .standard, clock: situation.world.clock.clock)
    for id in situation.principals.keys.sorted() {
      let record = try #require(try situation.world.connections().connection(id: ConnectionID(id)!))
      let streams = record.streams(types: .standard)
      let parts = try reader.recover(
        record: record, seen: Dictionary(uniqueKeysWithValues: streams.map { ($0, Int64(0)) })
      ).parts
      let mine = events.filter { !situation.names(of: $0, for: id).isEmpty }
      #expect(Set(parts.flatMap(\.events).map(\.event.id)) == Set(mine.map(\.id)), "seed \(seed), connection \(id)")
    }
  }

  @Test(
    "who comes back gets exactly what it may see, by its own cursor, and nothing more by somebody else's",
    arguments: 1...40)
  func recoveries(seed: UInt64) throws {
    var situation = Situation(seed: seed)
    try situation.connect(8)
    let world = situation.world
    let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
    let ids = situation.principals.keys.sorted()
    let records = try ids.map { try #require(try world.connections().connection(id: ConnectionID($0)!)) }
    let positions = try records.map { try reader.recover(record: $0).cursor.text }
    let events = (0..<60).map { situation.event($0) }
    try append(events, sent: situation.chance(50), world)
    let foreign = situation.pick(positions)
    for (index, record) in records.enumerated() {
      let mine = events.filter { !situation.names(of: $0, for: ids[index]).isEmpty }
      let said: Comment = "seed \(seed), connection \(ids[index])"
      // From where it was, in the order of each stream.
      let resumed = try reader.recover(record: record, cursor: positions[index])
      #expect(Set(resumed.parts.flatMap(\.events).map(\.event.id)) == Set(mine.map(\.id)), said)
      for part in resumed.parts {
        let expected = mine.filter { $0.stream.utf8.elementsEqual(part.stream.utf8) }.map(\.id)
        #expect(part.events.map(\.event.id) == expected, said)
      }
      // With nothing, with nonsense, with a place that is another's: less, maybe, but nothing of others.
      for cursor in [nil, "nonsense", foreign] {
        let parts = try reader.recover(record: record, cursor: cursor, seen: ["all/system": 0, "user/u-2": 0]).parts
        let told = parts.flatMap { ($0.snapshot ?? []) + $0.events }.map(\.event.id)
        #expect(Set(told).isSubset(of: mine.map(\.id)), said)
      }
    }
  }

  /// Into the log, and sent, if so: the newest of each key is noted and the streams' marks stand at their ends.
  private func append(_ events: [Event], sent: Bool, _ world: World) throws {
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    // By bytes: two spellings of one name are two people.
    for some in Dictionary(grouping: events, by: { Array($0.stream.utf8) }).values {
      let stream = some[0].stream
      _ = try log.append(some, to: stream)
      guard sent, let head = try log.head(stream: stream) else { continue }
      let page = try log.read(stream: stream, head: head, after: 0, limitEvents: 1000)
      try LastValues(table: world.table, clock: world.clock.clock).record(page.events, epoch: head.epoch)
      let checkpoints = Checkpoints(table: world.table, clock: world.clock.clock)
      var lease = try #require(try checkpoints.acquire(stream: stream))
      lease.follow(head.epoch)
      lease.advance(through: head.last)
      #expect(try checkpoints.write(&lease))
    }
  }

  private func newest(_ events: [Event], of type: String, for id: String, _ situation: Situation) -> [String] {
    var newest: [[UInt8]: Int] = [:]
    for (index, event) in events.enumerated() where event.type.utf8.elementsEqual(type.utf8) {
      guard event.audience == .everyone, let key = event.key else { continue }
      newest[Array(key.utf8)] = index
    }
    return newest.values.sorted().filter { !situation.names(of: events[$0], for: id).isEmpty }.map { events[$0].id }
  }
}
