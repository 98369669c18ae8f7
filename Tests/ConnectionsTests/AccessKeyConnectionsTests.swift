import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Connections

@Suite("Connections of an access key")
struct AccessKeyConnectionsTests {
  private let world = World()
  private let hash = String(repeating: "ab", count: 32)

  private func connect(_ names: ClosedRange<Int>, keys: [String], over connections: Connections) throws {
    for number in names {
      var record = world.record(["signal"], user: "u-\(number)")
      record = ConnectionRecord(
        id: try #require(ConnectionID("c\(number)=")), principal: record.principal,
        connectedAtMilliseconds: world.clock.clock.milliseconds(), keyHashes: keys, subscriptions: record.subscriptions)
      #expect(try connections.connect(record: record) == .connected)
    }
  }

  @Test("all that a key opened end at once, whoever they are of, and nobody else", arguments: [1, 8])
  func ended(shards: Int) throws {
    let connections = world.connections(over: world.table, shards: shards)
    try connect(1...3, keys: [hash], over: connections)
    try connect(4...5, keys: ["other"], over: connections)
    try connect(6...6, keys: [], over: connections)
    // Whoever ends them does not know the shards.
    #expect(try world.connections().end(openedBy: hash) == 3)
    let now = world.clock.clock.milliseconds()
    let event = Event(type: "signal", data: bytes("1"), id: "1-a", timestamp: "")
    let recipients = try world.recipients([event], shards: shards)
    #expect(Set(recipients.map(\.id.text)) == ["c1=", "c2=", "c3=", "c4=", "c5=", "c6="])
    for recipient in recipients {
      let isEnded = ["c1=", "c2=", "c3="].contains(recipient.id.text)
      #expect(recipient.untilMilliseconds == (isEnded ? now : nil))
      #expect(try connections.connection(id: recipient.id)?.untilMilliseconds == recipient.untilMilliseconds)
    }
    #expect(try world.connections().end(openedBy: hash) == 0)
    // The sweep finds them.
    #expect(Set(try world.connections().ended().map(\.id.text)) == ["c1=", "c2=", "c3="])
  }

  @Test("a row stands under the minute of the end alone, also where the end comes sooner, and goes with the connection")
  func minute() throws {
    let connections = world.connections()
    let now = world.clock.clock.milliseconds()
    let record = ConnectionRecord(
      id: try #require(ConnectionID("c1=")), principal: Principal(user: nil, role: .viewer),
      connectedAtMilliseconds: now, untilMilliseconds: now + 600_000, keyHashes: [hash])
    #expect(try connections.connect(record: record) == .connected)
    let rows = { (moment: Int64) in
      try self.world.table.query(Query(partition: ListenerRow.partition(.ending(minute: moment / 60_000), shard: 0)))
        .items
        .count
    }
    #expect(try rows(now + 600_000) == 1)
    #expect(try connections.ended().isEmpty)
    #expect(try connections.end(openedBy: hash) == 1)
    #expect(try rows(now + 600_000) == 0)
    #expect(try connections.ended().map(\.id.text) == ["c1="])
    try connections.disconnect(id: record.id)
    #expect(try connections.ended().isEmpty)
  }

  @Test("what it changes afterwards does not bring it back, and nothing of it is left when it leaves")
  func staysEnded() throws {
    let connections = world.connections()
    try connect(1...1, keys: [hash], over: connections)
    _ = try connections.end(openedBy: hash)
    let id = try #require(ConnectionID("c1="))
    world.clock.advance(seconds: 1)
    _ = try connections.change(id: id) { _ in world.change(add: ["risk"], count: 1) }
    let event = Event(type: "risk", data: bytes("1"), id: "1-a", timestamp: "")
    #expect(try world.recipients([event]).map { $0.untilMilliseconds ?? .max } == [world.clock.seconds * 1000 - 1000])
    try connections.disconnect(id: id)
    #expect(try world.table.query(Query(partition: ListenerRow.partition(.accessKey(hash), shard: 0))).items.isEmpty)
    #expect(try connections.end(openedBy: hash) == 0)
  }

  @Test("a failure at any call ends none by half: said again, it ends what is left")
  func failing() throws {
    var worlds: [World] = []
    let most = try failEachCall {
      worlds = [World()]
      let connections = worlds[0].connections()
      for number in 1...2 {
        let record = ConnectionRecord(
          id: try #require(ConnectionID("c\(number)=")), principal: Principal(user: "u-1", role: .admin),
          connectedAtMilliseconds: 0, keyHashes: [hash])
        _ = try connections.connect(record: record)
      }
      return worlds[0].table
    } _: { table in
      _ = try worlds[0].connections(over: table).end(openedBy: hash)
    } check: { _, error, run in
      if error != nil { _ = try worlds[0].connections().end(openedBy: hash) }
      for row in try worlds[0].connections().connections(of: "u-1") { #expect(row.untilMilliseconds != nil, "\(run)") }
    }
    #expect(most > 3)
  }
}
