import ConnectionStore
import TableBackends
import TestSupport
import Testing

@Suite("expiry")
struct ExpiryTests {
  static let key = ItemKey(partition: "p", sort: "s")

  @Test("an item is there until the second of its expiry, and absent in it", arguments: Backend.allCases)
  func theVerySecond(_ backend: Backend) throws {
    let stage = try backend.open()
    try stage.table.put(Item(key: Self.key, expires: stage.time.seconds + 1), if: .always)
    stage.time.advance(milliseconds: 999)
    #expect(try stage.table.get(Self.key, consistency: .strong) != nil)
    stage.time.advance(milliseconds: 1)
    #expect(try stage.table.get(Self.key, consistency: .strong) == nil)
    #expect(try stage.table.query(Query(partition: "p")) == Page([], next: nil))
  }

  @Test("an item put with an expiry in the past is absent at once", arguments: Backend.allCases, [Int64.min, -1, 0])
  func past(_ backend: Backend, _ expires: Int64) throws {
    let stage = try backend.open()
    try stage.table.put(Item(key: Self.key, expires: expires), if: .always)
    #expect(try stage.table.get(Self.key, consistency: .strong) == nil)
    try stage.table.put(Item(key: Self.key), if: .absent)
    #expect(try stage.table.get(Self.key, consistency: .strong) == Item(key: Self.key))
  }

  @Test("deleting an expired item is no error", arguments: Backend.allCases)
  func delete(_ backend: Backend) throws {
    let stage = try backend.open()
    try stage.leaveExpired(Self.key)
    try stage.table.delete(Self.key, if: .absent)
    #expect(try stage.table.get(Self.key, consistency: .strong) == nil)
  }

  @Test("writes delete what has expired, and nothing else")
  func sweep() throws {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let time = SettableClock()
    let past = SettableClock(seconds: time.seconds - 1000)
    let table = try SQLiteTable(path: folder.file("table.db"), clock: time.clock)
    // The same file, seen by a process whose clock is behind: it still sees what has expired and was not deleted.
    let before = try SQLiteTable(path: folder.file("table.db"), clock: past.clock)
    try before.writeBatch(
      (0..<200).map {
        .put(Item(key: ItemKey(partition: "p", sort: "\($0)"), expires: $0 % 2 == 0 ? time.seconds : time.seconds + 1))
      })
    #expect(try table.query(Query(partition: "p")).items.count == 100)
    #expect(try before.query(Query(partition: "p")).items.count == 200)
    for _ in 0..<100 { _ = try table.increment(ItemKey(partition: "c", sort: "c"), attribute: "n") }
    #expect(try table.query(Query(partition: "p")).items.count == 100)
    #expect(try before.query(Query(partition: "p")).items.count == 100)
  }

  @Test(
    "a file to which large transactions are written does not grow for ever with what has expired",
    arguments: [1, 8, 100])
  func growth(itemsPerTransaction: Int) throws {
    let folder = TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let time = SettableClock()
    let past = SettableClock(seconds: time.seconds - 1_000_000)
    let table = try SQLiteTable(path: folder.file("table.db"), clock: time.clock)
    let before = try SQLiteTable(path: folder.file("table.db"), clock: past.clock)
    for call in 0..<200 {
      let items = (0..<itemsPerTransaction).map {
        Item(key: ItemKey(partition: "p", sort: "\(call)-\($0)"), expires: time.seconds + 10)
      }
      if call % 2 == 0 {
        try table.transact(items.map { .put($0) })
      } else {
        try table.writeBatch(items.map { .put($0) })
      }
      time.advance(seconds: 1)
    }
    let count = try before.items(of: Query(partition: "p")).count
    // Those of the last ten calls live; as many again may wait.
    #expect(count <= 50 * itemsPerTransaction, "\(count) items")
  }
}
