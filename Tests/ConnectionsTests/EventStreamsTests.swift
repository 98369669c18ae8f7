import ConnectionStore
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Connections

@Suite("Open event streams")
struct EventStreamsTests {
  private let clock = SettableClock()
  private let table: MemoryTable

  init() { table = MemoryTable(clock: clock.clock) }

  private func streams(_ table: (any Table)? = nil, shards: Int = 8) -> EventStreams {
    EventStreams(table: table ?? self.table, shards: shards, clock: clock.clock)
  }

  private func record(_ user: String? = "u-1", route: String = "orders", keys: [String] = []) -> EventStreamRecord {
    EventStreamRecord(
      route: route, user: user, role: user == nil ? .viewer : .analyst, clientName: "page", keyHashes: keys,
      correlationID: CorrelationID("desk-7"), openedAtMilliseconds: clock.clock.milliseconds())
  }

  // MARK: Names

  @Test("a stream is named by its user, its route and its moment, and found with all that was written of it")
  func names() throws {
    let stream = try streams().register(record(route: "ai-decisions", keys: ["k1", "k2"]))
    #expect(stream.clientID == "u-1-ai-decisions-1800000000000")
    #expect(try streams().streams(of: "u-1") == [stream])
    let nobody = try streams().register(record(nil, route: "prices"))
    #expect(nobody.clientID == "anonymous-prices-1800000000000")
    #expect(try streams().streams(of: "anonymous").isEmpty)
  }

  @Test("a thousand streams of one millisecond have a thousand names, close to it")
  func unique() throws {
    var names: Set<String> = []
    for _ in 0..<1_000 { names.insert(try streams().register(record(nil, route: "prices")).clientID) }
    #expect(names.count == 1_000)
    let moments = names.compactMap { Int64($0.split(separator: "-").last ?? "") }
    #expect(moments.min() == 1_800_000_000_000 && moments.max() ?? .max < 1_800_000_020_000)
  }

  @Test("users whose names begin alike, or are spelled alike, have streams of their own")
  func users() throws {
    let users = ["u", "u-1", "u-1#", "u#orders", "é", "e\u{301}", "%"]
    for user in users { _ = try streams(shards: 1).register(record(user)) }
    for user in users {
      let found = try streams(shards: 1).streams(of: user)
      #expect(found.count == 1 && found[0].user?.utf8.elementsEqual(user.utf8) == true, "\(user)")
    }
    #expect(try streams(shards: 1).totals().total == 7)
  }

  @Test("the longest user fits a key")
  func longestUser() throws {
    let user = String(repeating: "é", count: Limit.userBytes / 2)
    #expect(try streams().register(record(user, route: "ai-decisions")).user == user)
    #expect(try streams().streams(of: user).count == 1)
  }

  // MARK: Living and dying

  @Test("a stream counts whose function looks each five seconds; 30 seconds after it died at most it does not")
  func life() throws {
    var held = [try streams().register(record())]
    for _ in 0..<100 {
      clock.advance(seconds: 5)
      #expect(try streams().check(&held).isEmpty && held.count == 1)
      #expect(try streams().streams(of: "u-1").count == 1)
    }
    clock.advance(seconds: 30)
    #expect(try streams().streams(of: "u-1").isEmpty && streams().totals().total == 0)
  }

  @Test("a look that comes a little late loses nothing, and one that comes after an outage has the row again")
  func lateLook() throws {
    var held = [try streams().register(record())]
    clock.advance(seconds: 9)
    #expect(try streams().check(&held).isEmpty)
    clock.advance(seconds: 14)
    #expect(try streams().streams(of: "u-1").count == 1)
    #expect(try streams().check(&held).isEmpty)
    clock.advance(seconds: 60)
    #expect(try streams().streams(of: "u-1").isEmpty)
    #expect(try streams().check(&held).isEmpty && streams().streams(of: "u-1").count == 1)
  }

  @Test("of who has a stream end one is the first; its function learns it within five seconds, and why")
  func ends() throws {
    var held = [try streams().register(record()), try streams().register(record(route: "alerts"))]
    #expect(try streams().end(held[0], reason: .limit))
    #expect(try !streams().end(held[0], reason: .expired))
    #expect(try streams().streams(of: "u-1").map(\.route) == ["alerts"])
    clock.advance(seconds: 5)
    let ended = try streams().check(&held)
    #expect(ended.map(\.endReason) == [.limit] && held.map(\.route) == ["alerts"])
    try streams().remove(ended[0])
    try streams().remove(ended[0])
    #expect(try !streams().end(ended[0], reason: .limit))
  }

  @Test("also when the moment to refresh has come, and also if a sweep came first")
  func endsAtRefresh() throws {
    var held: [EventStreamRecord] = []
    for number in 0..<250 { held.append(try streams().register(record("u-\(number)"))) }
    for number in [0, 99, 100, 249] { _ = try streams().end(held[number], reason: .expired) }
    clock.advance(seconds: 10)
    #expect(try streams().sweep().isEmpty)
    let ended = try streams().check(&held)
    #expect(ended.map(\.user) == ["u-0", "u-99", "u-100", "u-249"] && ended.allSatisfy { $0.endReason == .expired })
    #expect(held.count == 246)
    clock.advance(seconds: 20)
    #expect(try streams().totals().total == 246)
  }

  @Test("a stream whose row is gone is lost to it")
  func rowGone() throws {
    var held = [try streams().register(record())]
    try streams().remove(held[0])
    #expect(try streams().check(&held).map(\.endReason) == [.lost] && held.isEmpty)
  }

  // MARK: The sweep

  @Test("a sweep names each stream once whose function died, whoever sweeps beside, and leaves the living alone")
  func sweeps() throws {
    var held = [try streams().register(record())]
    let dead = [try streams().register(record(route: "alerts")), try streams().register(record(nil, route: "prices"))]
    for _ in 0..<8 {
      clock.advance(seconds: 5)
      _ = try streams().check(&held)
    }
    var other: [EventStreamRecord] = []
    let interrupted = InterruptedTable(table, before: 9) { other = try streams().sweep() }
    let swept = try streams(interrupted).sweep()
    try interrupted.finish()
    #expect(Set((swept + other).map(\.clientID)) == Set(dead.map(\.clientID)) && swept.count + other.count == 2)
    #expect((swept + other).allSatisfy { $0.endReason == .lost })
    #expect(try streams().sweep().isEmpty && streams().check(&held).isEmpty && held.count == 1)
  }

  @Test("one that comes back to life between the sweep's reading and its deleting stays")
  func revived() throws {
    var held = [try streams().register(record())]
    clock.advance(seconds: 60)
    let interrupted = InterruptedTable(table, before: 9) { _ = try streams().check(&held) }
    #expect(try streams(interrupted).sweep().isEmpty && interrupted.isInterrupted)
    #expect(try streams().streams(of: "u-1").count == 1)
  }

  @Test("nothing is left of ten thousand streams that were opened and whose functions died")
  func nothingLeft() throws {
    for number in 0..<10_000 { _ = try streams().register(record("u-\(number % 100)", route: "r\(number / 100)")) }
    #expect(try streams().totals().total == 10_000)
    clock.advance(seconds: 60)
    #expect(try streams().sweep().count == 10_000)
    var rows = 0
    try streams().each { _ in rows += 1 }
    #expect(rows == 0)
  }

  @Test("who has how many, and what is open")
  func totals() throws {
    for (user, route) in [("u-1", "orders"), ("u-1", "alerts"), ("u-2", "orders"), (nil, "prices")] {
      _ = try streams().register(record(user, route: route))
    }
    let totals = try streams().totals()
    #expect(totals.total == 4 && totals.byRoute == ["orders": 2, "alerts": 1, "prices": 1])
    #expect(totals.byUser.map(\.user) == ["u-1", "u-2"] && totals.byUser.map(\.streams) == [2, 1])
  }

  @Test("a key that is revoked ends every stream that it opened, and no other")
  func revokedKey() throws {
    var held = [
      try streams().register(record(keys: ["k1"])), try streams().register(record("u-2", keys: ["k2", "k1"])),
      try streams().register(record("u-3", keys: ["k2"])),
    ]
    #expect(try streams().end(openedBy: "k1") == 2 && streams().end(openedBy: "k1") == 0)
    #expect(try streams().check(&held).allSatisfy { $0.endReason == .expired } && held.map(\.user) == ["u-3"])
  }

  // MARK: What goes wrong

  @Test("whichever call fails at the opening, there is one row that its caller knows of, or one that goes by itself")
  func failedRegister() throws {
    var registered: EventStreamRecord?
    try failEachCall(over: { MemoryTable(clock: clock.clock) }) { table in
      registered = nil
      registered = try streams(table).register(record())
    } check: { table, error, run in
      let found = try streams(table).streams(of: "u-1")
      #expect(error != nil || found == [registered], "\(run)")
      #expect(found.count <= 1, "\(run)")
    }
  }

  @Test("whichever call fails at a look, the next one makes it good: nobody is lost, who has to end is told")
  func failedCheck() throws {
    var held: [EventStreamRecord] = []
    var told: [EventStreamRecord] = []
    let calls = try failEachCall {
      let table = MemoryTable(clock: clock.clock)
      held = []
      told = []
      for route in ["orders", "alerts", "prices"] { held.append(try streams(table).register(record(route: route))) }
      clock.advance(seconds: 10)
      held.append(try streams(table).register(record(route: "trading")))
      _ = try streams(table).end(held[1], reason: .limit)
      return table
    } _: { table in
      told += try streams(table).check(&held)
    } check: { table, _, run in
      clock.advance(seconds: 5)
      told += try streams(table).check(&held)
      #expect(told.map(\.route) == ["alerts"] && told[0].endReason == .limit, "\(run)")
      #expect(held.map(\.route) == ["orders", "prices", "trading"], "\(run)")
      #expect(try streams(table).streams(of: "u-1").count == 3, "\(run)")
    }
    #expect(calls >= 3)
  }

  @Test("a row of another release is no stream")
  func otherVersion() throws {
    let stream = try streams().register(record())
    var item = try #require(try table.get(stream.key(shards: 8), consistency: .strong))
    item["v"] = .number(2)
    try table.put(item, if: .always)
    #expect(try streams().streams(of: "u-1").isEmpty)
  }
}
