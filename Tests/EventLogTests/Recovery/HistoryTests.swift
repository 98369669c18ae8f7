import ConnectionStore
import Connections
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import EventLog

@Suite("the history of what a connection may see")
struct HistoryTests {
  let world = World()

  private var reader: RecoveryReader {
    RecoveryReader(table: world.table, types: .standard, clock: world.clock.clock)
  }

  private func append(_ type: String, _ numbers: ClosedRange<Int>, to audience: Audience = .everyone) throws {
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    let events = numbers.map {
      Event(
        type: type, key: "K\($0 % 3)", audience: audience, data: bytes("\($0)"),
        id: "\(world.clock.clock.milliseconds())-\($0)", timestamp: "")
    }
    _ = try log.append(events, to: events[0].stream)
  }

  /// Everything, page by page, and how many pages that took.
  private func all(
    _ record: ConnectionRecord, since: String? = nil, limit: Int
  ) throws -> (events: [String], pages: [HistoryPage]) {
    var events: [String] = []
    var pages: [HistoryPage] = []
    var cursor = since
    repeat {
      let page = try reader.history(record: record, since: cursor, limit: limit)
      events += page.events.map { "\($0.event.stream) \($0.sequence)" }
      pages.append(page)
      cursor = page.cursor.text
      try #require(pages.count < 100)
    } while pages.last?.hasMore == true
    return (events, pages)
  }

  @Test(
    "each event that it may see comes once, in order, whatever the size of the pages", arguments: [1, 7, 100, 9_999])
  func pages(limit: Int) throws {
    try append("signal", 1...20)
    try append("risk", 1...5)
    try append("note", 1...9, to: .user("u-1"))
    try append("note", 1...3, to: .user("u-2"))
    let record = world.record(["signal", "note"], role: .viewer)
    let (events, pages) = try all(record, limit: limit)
    #expect(
      events == (1...9).map { "user/u-1 \($0)" } + (1...20).map { "all/signal \($0)" }, "limit \(limit)")
    #expect(pages.allSatisfy { $0.events.count <= limit && $0.missed.isEmpty })
    // From where a page ends nothing comes but what is new.
    try append("signal", 21...22)
    #expect(try all(record, since: pages.last?.cursor.text, limit: limit).events == ["all/signal 21", "all/signal 22"])
  }

  @Test("the cursor is the one of every other path, and one that cannot be read begins with the oldest, which is said")
  func cursors() throws {
    try append("signal", 1...6)
    let record = world.record(["signal"], user: nil)
    let recovered = try reader.recover(record: record)
    try append("signal", 7...8)
    #expect(
      try all(record, since: recovered.cursor.text, limit: 10).events == ["all/signal 7", "all/signal 8"])
    let page = try reader.history(record: record, since: "no cursor", limit: 3)
    #expect(page.events.map(\.sequence) == [1, 2, 3] && page.hasMore)
    #expect(page.missed.first?.reason == .unknown && page.missed.first?.stream == "all/signal")
  }

  @Test("what the log does not hold any more is counted")
  func gaps() throws {
    try append("signal", 1...6)
    let record = world.record(["signal"], user: nil)
    let cursor = try reader.history(record: record, limit: 2).cursor
    world.clock.advance(seconds: 26 * 60 * 60)
    try append("signal", 7...8)
    let page = try reader.history(record: record, since: cursor.text, limit: 10)
    #expect(page.events.map(\.sequence) == [7, 8])
    #expect(page.missed.map(\.events) == [4] && page.missed.map(\.reason) == [.expired])
  }

  @Test("of a user's stream there are the newest hundred, and nothing that lapsed")
  func personal() throws {
    try append("note", 1...130, to: .user("u-1"))
    let record = world.record([])
    let (events, pages) = try all(record, limit: 60)
    #expect(events.first == "user/u-1 31" && events.count == 100 && pages.count == 2)
    let presence = Presence(table: world.table, clock: world.clock.clock)
    _ = try presence.recordLeft("u-1")
    world.clock.advance(seconds: 299)
    #expect(try all(world.record([]), limit: 60).events.count == 100)
    // Whoever reads has not come back: it lapses all the same.
    world.clock.advance(seconds: 2)
    #expect(try all(world.record([]), limit: 60).events.isEmpty)
    _ = try presence.lapse(
      "u-1", connectedAtMilliseconds: world.clock.clock.milliseconds(), logBeganAtMilliseconds: nil, keptSeconds: 300)
    try append("note", 131...131, to: .user("u-1"))
    #expect(try all(record, limit: 60).events == ["user/u-1 131"])
  }

  @Test("of a user of whom no client was ever there, what is older than is kept has lapsed for whoever reads")
  func neverThere() throws {
    try append("note", 1...3, to: .user("u-1"))
    world.clock.advance(seconds: 299)
    try append("note", 4...4, to: .user("u-1"))
    #expect(try all(world.record([]), limit: 60).events.count == 4)
    world.clock.advance(seconds: 2)
    // Twice: nothing is recorded by reading.
    for _ in 1...2 { #expect(try all(world.record([]), limit: 60).events == ["user/u-1 4"]) }
  }
}
