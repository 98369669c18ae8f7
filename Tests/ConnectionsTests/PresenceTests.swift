import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@Suite("what is kept for a person")
struct PresenceTests {
  let world: World
  let next = ConnectionID("NextOne=")!

  private func append(_ number: Int) throws {
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    let now = world.clock.clock.milliseconds()
    _ = try log.append(
      [Event(type: "note", audience: .user("u-1"), data: bytes("1"), id: "\(now)-\(number)", timestamp: "")],
      to: "user/u-1")
  }

  @Test("does not lapse while a client is there, however the last disconnect and the next connect cross")
  func crossing() throws {
    for place in 1..<20 {
      let world = PresenceTests().world
      let test = PresenceTests(world: world)
      _ = try world.connections().connect(record: world.record())
      try test.append(1)
      let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
      var text = ""
      let table = InterruptedTable(world.table, before: place) {
        world.clock.advance(milliseconds: 20)
        let record = world.record(id: test.next)
        _ = try world.connections().connect(record: record)
        text = try reader.recover(record: record).cursor.text
      }
      try world.connections(over: table).disconnect(id: world.id)
      try table.finish()
      // It is there for an hour, loses its connection, and comes back at once.
      world.clock.advance(seconds: 3_600)
      try test.append(2)
      world.clock.advance(seconds: 1)
      let part = try #require(
        try reader.recover(record: world.record(id: ConnectionID("Last=")), cursor: text).parts.first)
      #expect(part.extent == .all && part.events.map(\.sequence) == [2], "before call \(place)")
      if table.calls < place { break }
    }
  }

  private init(world: World) { self.world = world }
  init() { world = World() }
}
