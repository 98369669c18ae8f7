import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("A person's connections, and when they end")
struct UserConnectionsTests {
  private func record(_ world: World, _ number: Int, user: String, until: Int64? = nil) throws -> ConnectionRecord {
    ConnectionRecord(
      id: try #require(ConnectionID("C\(number)=")), principal: Principal(user: user, role: .viewer, groups: ["g"]),
      connectedAtMilliseconds: world.clock.clock.milliseconds() + Int64(number), untilMilliseconds: until)
  }

  @Test("all of them are found however many shards there are, and nobody else's", arguments: [1, 8])
  func found(shards: Int) throws {
    let world = World()
    let connections = world.connections(shards: shards)
    for number in 0..<1_200 { _ = try connections.connect(record: record(world, number, user: "u-1")) }
    for number in 2_000..<2_010 { _ = try connections.connect(record: record(world, number, user: "u-2")) }
    #expect(try Set(connections.connections(of: "u-1").map(\.id.text)).count == 1_200)
    #expect(try connections.connections(of: "u-2").count == 10)
    try connections.disconnect(id: #require(ConnectionID("C7=")))
    #expect(try connections.connections(of: "u-1").count == 1_199)
  }

  @Test(
    "an event to a person reaches each connection once, one to a group too, however many shards there are",
    arguments: [1, 8])
  func reached(shards: Int) throws {
    let world = World()
    let connections = world.connections(shards: shards)
    for number in 0..<50 { _ = try connections.connect(record: record(world, number, user: "u-1")) }
    for audience in [Audience.user("u-1"), .group("g")] {
      let event = Event(type: "order:update", key: nil, audience: audience, data: [], id: "1-a", timestamp: "")
      let recipients = try world.recipients([event], shards: shards, pageSize: 7)
      #expect(recipients.count == 50 && Set(recipients.map(\.id)).count == 50)
    }
  }

  @Test("the end of what a connection came in with is kept in its row and read by the senders")
  func end() throws {
    let world = World()
    let connections = world.connections()
    let end = world.clock.clock.milliseconds() + 60_000
    _ = try connections.connect(record: record(world, 1, user: "u-1", until: end))
    _ = try connections.connect(record: record(world, 2, user: "u-1"))
    #expect(try connections.connection(id: #require(ConnectionID("C1=")))?.untilMilliseconds == end)
    #expect(try connections.connections(of: "u-1").map(\.untilMilliseconds) == [end, nil])
    let event = Event(type: "order:update", key: nil, audience: .user("u-1"), data: [], id: "1-a", timestamp: "")
    #expect(try world.recipients([event]).map(\.untilMilliseconds) == [end, nil])
    // A subscription that comes later writes another row, with the same end.
    _ = try connections.change(id: #require(ConnectionID("C1="))) { _ in world.change(add: ["signal"], count: 1) }
    let signal = Event(type: "signal", key: nil, audience: .everyone, data: [], id: "1-b", timestamp: "")
    #expect(try world.recipients([signal]).map(\.untilMilliseconds) == [end])
  }
}
