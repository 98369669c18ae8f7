import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import TestSupport
import Testing

@Suite("what a client gets that comes back")
struct RecoveryReaderTests {
  let world = World()

  private func append(_ stream: String, _ events: [Event]) throws {
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    _ = try log.append(events, to: stream)
  }

  private func event(
    _ type: String, _ number: Int, key: String? = nil, to audience: Audience = .everyone, size: Int = 1
  ) -> Event {
    Event(
      type: type, key: key, audience: audience, data: bytes("\"" + String(repeating: "x", count: size) + "\""),
      id: "1-\(number)", timestamp: "")
  }

  /// Where a client is that saw so many events of these streams.
  private func cursor(_ places: [String: Int64]) throws -> String {
    var cursor = Cursor()
    for (stream, sequence) in places {
      let head = try #require(try StreamLog(table: world.table, clock: world.clock.clock).head(stream: stream))
      cursor.set(stream: stream, epoch: head.epoch, to: sequence)
    }
    return cursor.text
  }

  private func recover(
    _ record: ConnectionRecord, after places: [String: Int64], _ limits: RecoveryLimits = .init()
  ) throws -> Recovery {
    try RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock).recover(
      record: record, cursor: cursor(places), limits: limits)
  }

  @Test("no more bytes than one answer holds: the newest, and the rest counted")
  func bytesBound() throws {
    for start in stride(from: 0, to: 100, by: 10) {
      try append("all/signal", (start..<start + 10).map { event("signal", $0, key: "k", size: 10_000) })
    }
    var limits = RecoveryLimits()
    limits.bytes = 205_000
    let part = try #require(
      try recover(world.record(["signal"], user: nil), after: ["all/signal": 0], limits).parts.first)
    // 10,000 bytes and something each.
    #expect(part.events.map(\.sequence) == Array(81...100))
    #expect(part.base == 80 && part.missed == 80 && part.reason == .trimmed && part.extent == .part)
  }

  @Test("one answer holds the newest 10,000 events, or 4 MB of them")
  func standardBounds() throws {
    for start in stride(from: 0, to: 10_300, by: 500) {
      try append("all/signal", (start..<min(start + 500, 10_300)).map { event("signal", $0, key: "k") })
    }
    let many = try #require(try recover(world.record(["signal"], user: nil), after: ["all/signal": 0]).parts.first)
    #expect(many.events.count == 10_000 && many.missed == 300 && many.reason == .trimmed)
    try append("all/risk", (0..<60).map { event("risk", $0, key: "k", size: 90_000) })
    let large = try #require(try recover(world.record(["risk"], user: nil), after: ["all/risk": 0]).parts.first)
    // 90,000 bytes and something each.
    #expect(large.events.count == (4 << 20) / 90_100 && large.missed == Int64(60 - large.events.count))
  }

  @Test("of one event larger than the bound that event comes")
  func oneLarge() throws {
    try append("all/signal", [event("signal", 0), event("signal", 1, size: 90_000)])
    var limits = RecoveryLimits()
    limits.bytes = 50_000
    let part = try #require(
      try recover(world.record(["signal"], user: nil), after: ["all/signal": 0], limits).parts.first)
    #expect(part.events.map(\.sequence) == [2] && part.missed == 1)
  }

  @Test("several streams share the bounds, and the last ones get a little at least")
  func shared() throws {
    let types = ["signal", "outcome", "decision"]
    for type in types {
      try append("all/\(type)", (0..<400).map { event(type, $0, key: "k") })
    }
    var limits = RecoveryLimits()
    limits.events = 500
    let found = try recover(
      world.record(types, user: nil), after: ["all/signal": 0, "all/outcome": 0, "all/decision": 0], limits)
    // The last one is that of the announcements, of which there are none.
    #expect(found.parts.map(\.events.count) == [400, 100, 100, 0])
    #expect(found.parts.map(\.missed) == [0, 300, 300, 0])
    #expect(found.extent == .part && found.missed == 600 && found.reason == .trimmed)
    // Each tells the newest, without a hole.
    for part in found.parts.dropLast() {
      #expect(part.events.map(\.sequence) == Array(part.base..<400).map { $0 + 1 })
    }
    #expect(Cursor(found.cursor.text)?.count == 4)
  }

  @Test("several streams share the bytes too")
  func sharedBytes() throws {
    for type in ["signal", "outcome"] {
      try append("all/\(type)", (0..<40).map { event(type, $0, key: "k", size: 10_000) })
    }
    var limits = RecoveryLimits()
    limits.bytes = 500_000
    let found = try recover(
      world.record(["signal", "outcome"], user: nil), after: ["all/signal": 0, "all/outcome": 0], limits)
    #expect(found.parts.first?.events.count == 40)
    let second = found.parts[1]
    #expect((6...10).contains(second.events.count) && second.missed == Int64(40 - second.events.count))
  }

  @Test("who wants few keys of a busy stream gets all of them, however many others stand between")
  func keyed() throws {
    for start in stride(from: 0, to: 12_000, by: 500) {
      try append(
        "all/price:update",
        (start..<start + 500).map { event("price:update", $0, key: $0 % 3_000 == 0 ? "AAPL" : "K\($0 % 50)") })
    }
    let record = world.record(["price:update"], keys: ["AAPL"], user: nil)
    let part = try #require(try recover(record, after: ["all/price:update": 0]).parts.first)
    #expect(part.events.map(\.event.id) == ["1-0", "1-3000", "1-6000", "1-9000"])
    #expect(part.extent == .all && part.missed == 0)
    // Not further back than it is read for anybody.
    var limits = RecoveryLimits()
    limits.scannedEvents = 5_000
    let short = try #require(try recover(record, after: ["all/price:update": 0], limits).parts.first)
    #expect(short.events.map(\.event.id) == ["1-9000"])
    #expect(short.missed == 7_000 && short.reason == .trimmed && short.base == 7_000)
  }

  @Test("of a user's own events the newest hundred, and of no other user's any")
  func personal() throws {
    for user in ["u-1", "u-2"] {
      for start in stride(from: 0, to: 150, by: 30) {
        try append("user/\(user)", (start..<start + 30).map { event("note", $0, to: .user(user)) })
      }
    }
    let found = try recover(world.record(), after: ["user/u-1": 10])
    #expect(found.parts.map(\.stream) == ["user/u-1", "all/announcement"])
    let part = try #require(found.parts.first)
    #expect(part.events.map(\.sequence) == Array(51...150))
    #expect(part.missed == 40 && part.reason == .trimmed && part.extent == .part)
    // One that lacks fewer gets them all.
    let near = try #require(try recover(world.record(), after: ["user/u-1": 60]).parts.first)
    #expect(near.events.map(\.sequence) == Array(61...150) && near.extent == .all)
  }

  @Test("who comes for the first time gets the newest of each key and what came after it, and nothing twice")
  func state() throws {
    try append("all/signal", (0..<30).map { event("signal", $0, key: "k\($0 % 4)") })
    let head = try #require(try StreamLog(table: world.table, clock: world.clock.clock).head(stream: "all/signal"))
    let logged = try StreamLog(table: world.table, clock: world.clock.clock).read(
      stream: "all/signal", head: head, after: 0
    ).events
    // Sent through 20, the rows of one later event already stand.
    try LastValues(table: world.table, clock: world.clock.clock).record(Array(logged.prefix(21)), epoch: head.epoch)
    let checkpoints = Checkpoints(table: world.table, clock: world.clock.clock)
    var lease = try #require(try checkpoints.acquire(stream: "all/signal"))
    lease.follow(head.epoch)
    lease.advance(through: 20)
    #expect(try checkpoints.write(&lease, releasing: true))
    let part = try #require(
      try RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock).recover(
        record: world.record(["signal"], user: nil)
      ).parts.first
    )
    #expect(part.base == 20 && part.events.map(\.sequence) == Array(21...30))
    #expect(part.snapshot?.map(\.sequence) == [18, 19, 20])
    #expect(part.extent == nil && part.missed == 0)
  }

  @Test(
    "what was trimmed and not sent yet is part of the state: no key is missing, whoever comes, however often",
    arguments: [false, true])
  func trimmedBeforeItWasSent(isResumed: Bool) throws {
    try append("all/signal", (0..<300).map { event("signal", $0, key: "k\($0 % 200)") })
    var limits = RecoveryLimits()
    limits.events = 40
    let record = world.record(["signal"], user: nil)
    let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
    let text = isResumed ? try cursor(["all/signal": 10]) : nil
    let part = try #require(try reader.recover(record: record, cursor: text, limits: limits).parts.first)
    #expect(part.base == 260 && part.events.map(\.sequence) == Array(261...300))
    var newest: [String: Int64] = [:]
    for logged in part.snapshot ?? [] { newest[logged.event.key ?? ""] = logged.sequence }
    // The newest of each key up to the base; what follows tells of later ones itself.
    let state = (0..<260).reduce(into: [:]) { $0["k\($1 % 200)"] = Int64($1 + 1) }
    #expect(newest == state)
    #expect(part.snapshot?.map(\.sequence) == part.snapshot?.map(\.sequence).sorted())
  }

  @Test(
    "who comes back to a log that was forgotten is told so, and not that nothing was missed", arguments: [false, true])
  func forgotten(isNewAgain: Bool) throws {
    try append("all/signal", (0..<5).map { event("signal", $0) })
    let text = try cursor(["all/signal": 3])
    world.clock.advance(seconds: 31 * 24 * 60 * 60)
    if isNewAgain { try append("all/signal", (0..<5).map { event("signal", $0) }) }
    let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
    let record = world.record(["signal"], user: nil)
    for (cursor, seen) in [(text, ["all/signal": 3]), (text, [:])] as [(String?, [String: Int64])] {
      let found = try reader.recover(record: record, cursor: cursor, seen: seen)
      #expect(found.extent == .none && found.missed == nil && found.reason == .epoch, "\(seen)")
    }
  }

  @Test("who was told of an empty log, saw events, and comes back when it was forgotten, is told so")
  func forgottenAfterBegun() throws {
    let reader = RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
    let record = world.record(["signal"], user: nil)
    let text = try reader.recover(record: record).cursor.text
    try append("all/signal", (0..<5).map { event("signal", $0) })
    world.clock.advance(seconds: 31 * 24 * 60 * 60)
    let found = try reader.recover(record: record, cursor: text, seen: ["all/signal": 3])
    #expect(found.parts.first?.extent == .some(.none) && found.missed == nil && found.reason == .epoch)
  }
}
