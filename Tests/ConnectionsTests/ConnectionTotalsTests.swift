import ConnectionStore
import Messaging
import TestSupport
import Testing

@testable import Connections

@Suite("totals of the connections")
struct ConnectionTotalsTests {
  private let world = World()

  private func connect(_ id: String, user: String?, role: Role?, until: Int64? = nil, shards: Int = 8) throws {
    let record = ConnectionRecord(
      id: try #require(ConnectionID(id)), principal: Principal(user: user, role: role, groups: []),
      connectedAtMilliseconds: world.clock.seconds * 1_000, untilMilliseconds: until)
    _ = try world.connections(shards: shards).connect(record: record)
  }

  private func count(shards: Int = 8) throws -> ConnectionTotals? {
    try world.connections(shards: shards).count(untilMilliseconds: .max)
  }

  @Test("say how many there are, of each role, of which users, and how many whose credential has not ended")
  func told() throws {
    let now = world.clock.seconds * 1_000
    try connect("A=", user: "u-1", role: .admin)
    try connect("B=", user: "u-2", role: .viewer, until: now + 60_000)
    try connect("C=", user: "u-2", role: .viewer, until: now - 1)
    try connect("D=", user: nil, role: nil)
    let totals = try #require(try count())
    #expect(totals.total == 4 && totals.active == 3 && totals.users == 2 && !totals.isCut)
    #expect(totals.byRole.map(\.name) == ["admin", "analyst", "approver", "viewer", "none"])
    #expect(totals.byRole.map(\.connections) == [1, 0, 0, 2, 1])
    #expect(totals.most.map(\.name) == ["u-2", "u-1"] && totals.most.map(\.connections) == [2, 1])
    #expect(totals.countedAtMilliseconds == now)
    #expect(try world.connections().totals() == totals)
  }

  @Test("one that has left does not count, nor one whose $disconnect was lost once its row has expired")
  func left() throws {
    try connect("A=", user: "u-1", role: .admin)
    try connect("B=", user: "u-1", role: .admin)
    try world.connections(shards: 8).disconnect(id: #require(ConnectionID("A=")))
    #expect(try count()?.total == 1)
    world.clock.advance(seconds: ConnectionRow.lifetimeSeconds + 1)
    #expect(try count()?.total == 0)
  }

  @Test("what is not counted in time changes nothing: the totals before it stand, with their age")
  func outOfTime() throws {
    try connect("A=", user: "u-1", role: .admin)
    let first = try count()
    try connect("B=", user: "u-2", role: .admin)
    world.clock.advance(seconds: 60)
    let connections = world.connections(shards: 8)
    #expect(try connections.count(untilMilliseconds: world.clock.seconds * 1_000) == nil)
    #expect(try connections.totals() == first)
  }

  @Test("a count that began before another and ends after it does not replace it")
  func overtaken() throws {
    try connect("A=", user: "u-1", role: .admin)
    let newest = try #require(try count())
    world.clock.advance(seconds: -30)
    try connect("B=", user: "u-2", role: .admin)
    #expect(try count()?.total == 2)
    #expect(try world.connections().totals() == newest)
  }

  @Test("nobody is there: that was measured, and is reported as 0; after a day nothing is reported")
  func nobody() throws {
    #expect(try world.connections().totals() == nil)
    #expect(try count()?.total == 0)
    #expect(try world.connections().totals()?.byRole.map(\.connections) == [0, 0, 0, 0, 0])
    world.clock.advance(seconds: TotalsRow.keptSeconds + 1)
    #expect(try world.connections().totals() == nil)
  }

  @Test("no more users are told apart than there is room for, and no more are listed than a hundred")
  func bounds() throws {
    var counter = TotalsCounter(startedAtMilliseconds: 0, maximumUsers: 150)
    for number in 0..<200 { try connect("C\(number)=", user: "u-\(number)", role: .viewer) }
    var list = ConnectionList(table: world.table, shards: 8, pageSize: 7)
    while let page = try list.next() { counter.add(page) }
    let totals = counter.totals
    #expect(totals.total == 200 && totals.users == 150 && totals.isCut && totals.most.count == 100)
    let item = TotalsRow.item(totals)
    #expect(ConnectionTotals(item) == totals)
  }

  @Test("users whose names differ in their bytes alone are two")
  func bytes() throws {
    try connect("A=", user: "\u{E9}", role: .viewer)
    try connect("B=", user: "e\u{301}", role: .viewer)
    #expect(try count()?.users == 2)
  }

  @Test(
    "a row that is damaged, or of another release, is none",
    arguments: ["", "[", "[[1,2]]", #"[["a"]]"#, #"[["a",1,2]]"#])
  func damaged(roles: String) throws {
    var item = TotalsRow.item(try #require(try count()))
    item[TotalsRow.Attribute.roles] = .bytes(bytes(roles))
    #expect(ConnectionTotals(item) == nil)
  }

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}
