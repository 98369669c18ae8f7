import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("the list of all connections")
struct ConnectionListTests {
  private func all(_ world: World, shards: Int, pageSize: Int = 1_000) throws -> [ListenerRow] {
    var list = ConnectionList(table: world.table, shards: shards, pageSize: pageSize)
    var rows: [ListenerRow] = []
    while let page = try list.next() { rows += page }
    return rows
  }

  private func text(_ id: ConnectionID, _ who: Principal, _ dialect: Dialect, _ connectedAt: Int64) -> String {
    "\(id.text) \(who.user ?? "-") \(who.role?.rawValue ?? "-") \(dialect) \(connectedAt)"
  }

  @Test(
    "it holds each connection once, with user, role, dialect and when it came, whatever it listens to",
    arguments: [1, 8], [3, 1_000])
  func listed(shards: Int, pageSize: Int) throws {
    let world = World()
    let connections = world.connections(shards: shards)
    var expected: Set<String> = []
    for number in 0..<40 {
      let principal = Principal(
        user: number % 4 == 0 ? nil : "u-\(number % 5)", role: number % 3 == 0 ? nil : Role.allCases[number % 4],
        groups: number % 2 == 0 ? ["desk-7"] : [])
      let record = ConnectionRecord(
        id: try #require(ConnectionID("C\(number)=")), principal: principal,
        dialect: Dialect.allCases[number % Dialect.allCases.count],
        connectedAtMilliseconds: world.clock.clock.milliseconds() + Int64(number))
      _ = try connections.connect(record: record)
      if number % 7 == 0 {
        _ = try connections.change(id: record.id, accepting: .batch) { _ in world.change(add: ["signal"], count: 1) }
      }
      expected.insert(text(record.id, principal, record.dialect, record.connectedAtMilliseconds))
    }
    let found = try all(world, shards: shards, pageSize: pageSize).map { row in
      text(row.id, Principal(user: row.user, role: row.role), row.dialect, row.connectedAtMilliseconds)
    }
    #expect(found.count == 40 && Set(found) == expected)
  }

  @Test("who leaves is off the list, and who leaves without a word when its row expires")
  func left() throws {
    let world = World()
    let connections = world.connections(shards: 8)
    let ids = try (0..<5).map { try #require(ConnectionID("C\($0)=")) }
    for id in ids { _ = try connections.connect(record: world.record(id: id)) }
    try connections.disconnect(id: ids[0])
    try connections.disconnect([ids[1], ids[2]].map { .init(id: $0, record: try connections.connection(id: $0)) })
    #expect(try Set(all(world, shards: 8).map(\.id)) == [ids[3], ids[4]])
    world.clock.advance(seconds: 2 * 60 * 60 + 15 * 60)
    #expect(try all(world, shards: 8).isEmpty)
  }

  @Test("a connect that fails at any call lists the connection if, and only if, its row stands")
  func connectFails() throws {
    var world = World()
    let most = try failEachCall(
      over: {
        world = World()
        return world.table
      },
      { _ = try world.connections(over: $0).connect(record: world.record(["signal"])) },
      check: { _, _, run in
        let stands = try world.connections().connection(id: world.id) != nil
        #expect(try all(world, shards: 1).isEmpty != stands, "\(run)")
      })
    #expect(most == 1)
  }

  @Test(
    "one whose leaving was broken off is off the list once it is found gone, however long ago that was",
    arguments: [1, 400])
  func leavingBrokenOff(seconds: Int64) throws {
    let world = World()
    _ = try world.connections(shards: 8).connect(record: world.record(["signal"]))
    // The row is a tombstone, and the rows under the topics stand.
    let failing = FailingTable(world.table, failing: 2)
    #expect(throws: TableError.self) { try world.connections(over: failing, shards: 8).disconnect(id: world.id) }
    #expect(try all(world, shards: 8).count == 1)
    world.clock.advance(seconds: seconds)
    try world.connections(shards: 8).disconnect(id: world.id, found: [.user("u-1")])
    #expect(try all(world, shards: 8).isEmpty)
  }
}
