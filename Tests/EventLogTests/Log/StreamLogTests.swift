import ConnectionStore
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

/// What the tests of the log share.
struct LogWorld {
  let clock = SettableClock()
  let table: MemoryTable

  init() { table = MemoryTable(clock: clock.clock) }

  func log(over table: (any Table)? = nil) -> StreamLog { StreamLog(table: table ?? self.table, clock: clock.clock) }

  static func event(_ number: Int, key: String? = nil, idempotencyKey: String? = nil, bytes count: Int = 0) -> Event {
    Event(
      type: "price:update", key: key,
      data: bytes("{\"n\":\(number),\"pad\":\"\(String(repeating: "x", count: count))\"}"),
      id: "1-\(number)", timestamp: "2026-01-02T10:30:01.000Z", idempotencyKey: idempotencyKey)
  }

  static func events(_ range: Range<Int>, bytes count: Int = 0) -> [Event] {
    range.map { event($0, bytes: count) }
  }

  /// Everything the log holds, page by page.
  func all(_ stream: String = "all/price:update", after: Int64 = 0) throws -> [LoggedEvent] {
    let log = log()
    guard let head = try log.head(stream: stream) else { return [] }
    var all: [LoggedEvent] = []
    var position = after
    while position < head.last {
      let page = try log.read(stream: stream, head: head, after: position, limitEvents: 7)
      all += page.events
      position = page.through
    }
    return all
  }

  func numbers(_ events: [LoggedEvent]) -> [String] { events.map(\.event.id) }
}

@Suite("the log of a stream")
struct StreamLogTests {
  let world = LogWorld()
  let stream = "all/price:update"

  @Test("what is appended is read in order, dense, and every field as it was")
  func roundTrip() throws {
    var log = world.log()
    let full = Event(
      type: "t", key: "k\u{0}\"é", audience: .user("u-1"), data: bytes("{\"price\":152.50}"), id: "1-a",
      timestamp: "now",
      priority: .high, correlationID: "c")
    let plain = Event(type: "t", audience: .user("u-1"), data: bytes("1"), id: "1-b", timestamp: "", priority: .normal)
    #expect(try log.append([full], to: "user/u-1") == [.appended(sequence: 1)])
    #expect(try log.append([plain, full], to: "user/u-1") == [.appended(sequence: 2), .appended(sequence: 3)])
    #expect(
      try world.all("user/u-1")
        == [
          LoggedEvent(sequence: 1, event: full), LoggedEvent(sequence: 2, event: plain),
          LoggedEvent(sequence: 3, event: full),
        ])
  }

  @Test(
    "reading starts anywhere, also inside an append, and goes on page by page", arguments: [0, 1, 4, 5, 6, 29, 30, 31])
  func anywhere(after: Int64) throws {
    var log = world.log()
    for start in stride(from: 0, to: 30, by: 5) { _ = try log.append(LogWorld.events(start..<start + 5), to: stream) }
    let read = try world.all(after: after).map(\.sequence)
    #expect(read == (after < 30 ? Array(after + 1...30) : []))
  }

  @Test("five hundred events are one append, a thousand several, and large ones as many as it takes")
  func sizes() throws {
    let counting = FailingTable(world.table, failing: 0)
    var log = world.log(over: counting)
    _ = try log.append(LogWorld.events(0..<500), to: stream)
    #expect(counting.calls == 2)
    _ = try log.append(LogWorld.events(500..<1500), to: stream)
    _ = try log.append(LogWorld.events(1500..<1520, bytes: 90_000), to: stream)
    #expect(try world.numbers(world.all()) == (0..<1520).map { "1-\($0)" })
  }

  @Test("two appenders that saw the same head both append, without a hole")
  func race() throws {
    let interrupted = InterruptedTable(world.table, before: 2) {
      var other = world.log()
      _ = try other.append(LogWorld.events(10..<12), to: stream)
    }
    var log = world.log(over: interrupted)
    #expect(try log.append(LogWorld.events(0..<1), to: stream) == [.appended(sequence: 3)])
    #expect(try world.numbers(world.all()) == ["1-10", "1-11", "1-0"])
  }

  @Test("an append that fails at any call is there once or not at all, and said again with its keys is there once")
  func failures() throws {
    let events = (0..<3).map { LogWorld.event($0, idempotencyKey: "key-\($0)") }
    let most = try failEachCall(over: {
      let table = MemoryTable(clock: world.clock.clock)
      var log = world.log(over: table)
      _ = try log.append(LogWorld.events(10..<11), to: stream)
      return table
    }) { table in
      var log = world.log(over: table)
      _ = try log.append(events, to: stream)
    } check: { (table: any Table, error: (any Error)?, run: String) throws in
      var log = world.log(over: table)
      let again = try log.append(events, to: stream)
      if error == nil { #expect(again == [2, 3, 4].map { .known(sequence: $0) }, "\(run)") }
      let head = try #require(try log.head(stream: stream))
      let read = try log.read(stream: stream, head: head, after: 0).events
      #expect(read.map(\.event.id) == ["1-10", "1-0", "1-1", "1-2"], "\(run)")
      #expect(read.map(\.sequence) == [1, 2, 3, 4], "\(run)")
    }
    #expect(most >= 2)
  }

  @Test("an append whose answer was lost is not done again")
  func lostAnswer() throws {
    for position in 1...3 {
      let table = MemoryTable(clock: world.clock.clock)
      var log = world.log(over: FailingTable(table, failing: position, .after))
      _ = try? log.append(LogWorld.events(0..<2), to: stream)
      var again = world.log(over: RepeatingTable(table))
      _ = try again.append(LogWorld.events(2..<3), to: stream)
      let head = try #require(try again.head(stream: stream))
      let ids = try again.read(stream: stream, head: head, after: 0).events.map(\.event.id)
      #expect(ids == (position == 1 ? ["1-2"] : ["1-0", "1-1", "1-2"]), "call \(position)")
    }
  }

  @Test("an idempotency key makes the same event of it, in one batch and in another")
  func idempotency() throws {
    var log = world.log()
    let one = LogWorld.event(1, idempotencyKey: "a")
    let other = LogWorld.event(2, idempotencyKey: "a")
    let first = try log.append([one, one, other, LogWorld.event(3)], to: stream)
    #expect(first[0] == .appended(sequence: 1) && first[1] == .known(sequence: 1) && first[3] == .appended(sequence: 2))
    guard case .refused(let refusal) = first[2] else {
      Issue.record("\(first[2])")
      return
    }
    #expect(refusal.code == .keyTaken)
    let second = try log.append([LogWorld.event(4), one, other], to: stream)
    #expect(second[0] == .appended(sequence: 3) && second[1] == .known(sequence: 1))
    guard case .refused = second[2] else {
      Issue.record("\(second[2])")
      return
    }
    #expect(try log.append([one], to: "all/other") == [.appended(sequence: 1)])
    #expect(try world.numbers(world.all()) == ["1-1", "1-3", "1-4"])
  }

  @Test("an event that differs in anything its publisher said is another event; a key is one stream's")
  func digests() throws {
    func event(
      _ type: String = "t", key: String? = "k", data: String = "1", priority: Priority? = nil, id: String? = nil
    ) -> Event {
      Event(
        type: type, key: key, data: bytes(data), id: "1-\(data)", timestamp: "", priority: priority, correlationID: id,
        idempotencyKey: "a")
    }
    for (position, other) in [
      event("u"), event(key: nil), event(key: "K"), event(data: "1 "), event(priority: .high), event(id: "c"),
    ].enumerated() {
      var log = world.log()
      #expect(try log.append([event()], to: "all/\(position)") == [.appended(sequence: 1)])
      guard case .refused(let refusal) = try log.append([other], to: "all/\(position)")[0] else {
        Issue.record("\(other) is taken")
        continue
      }
      #expect(refusal.message.contains(#""a""#) && refusal.message.contains("event 1 of"))
    }
  }

  @Test("what is a day old is still in the log")
  func retention() throws {
    var log = world.log()
    _ = try log.append(LogWorld.events(0..<3), to: stream)
    world.clock.advance(seconds: 24 * 60 * 60)
    #expect(try world.all().map(\.sequence) == [1, 2, 3])
  }

  @Test("more idempotency keys than one transaction holds are all kept")
  func manyKeys() throws {
    var log = world.log()
    let events = (0..<250).map { LogWorld.event($0, idempotencyKey: "k\($0)") }
    #expect(try log.append(events, to: stream) == (1...250).map { .appended(sequence: $0) })
    #expect(try log.append(events, to: stream) == (1...250).map { .known(sequence: $0) })
  }

  @Test("a log made anew starts at 1 with a later epoch, and shows nothing of the one before")
  func epochs() throws {
    var log = world.log()
    _ = try log.append(LogWorld.events(0..<5), to: stream)
    let before = try #require(try log.head(stream: stream))
    try world.table.delete(ItemKey(partition: "s#all%2Fprice%3Aupdate", sort: "!"), if: .always)
    world.clock.advance(seconds: 1)
    _ = try log.append(LogWorld.events(9..<10), to: stream)
    let after = try #require(try log.head(stream: stream))
    #expect(after.next == 2 && after.epoch > before.epoch)
    #expect(try world.numbers(world.all()) == ["1-9"])
  }

  @Test("segments that expire in any order leave no hole: what stands before a gap counts as gone")
  func expiry() throws {
    var log = world.log()
    for number in 0..<4 { _ = try log.append(LogWorld.events(number..<number + 1), to: stream) }
    try world.table.delete(ItemKey(partition: "s#all%2Fprice%3Aupdate", sort: "000000000002"), if: .always)
    let head = try #require(try log.head(stream: stream))
    let page = try log.read(stream: stream, head: head, after: 0)
    #expect(page.events.map(\.sequence) == [3, 4])
    world.clock.advance(seconds: 26 * 60 * 60)
    #expect(try log.read(stream: stream, head: head, after: 0) == LogPage(events: [], through: 4))
    #expect(try log.append(LogWorld.events(9..<10), to: stream) == [.appended(sequence: 5)])
  }

  @Test("the append tells the sweep of its stream, in the same transaction")
  func open() throws {
    var log = world.log()
    _ = try log.append(LogWorld.events(0..<1), to: stream)
    #expect(try ActiveStreams(table: world.table, clock: world.clock.clock).all().map(\.stream) == [stream])
  }
}
