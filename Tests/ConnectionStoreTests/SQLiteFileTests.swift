import ConnectionStore
import Glibc
import Synchronization
import TableBackends
import Telemetry
import TestSupport
import Testing

@Suite("the SQLite file")
struct SQLiteFileTests {
  private let folder = TemporaryFolder()

  private func refusal(_ path: String) -> TableError? {
    do throws(TableError) {
      _ = try SQLiteTable(path: path)
      return nil
    } catch {
      return error
    }
  }

  private func write(_ bytes: [UInt8], to name: String) -> String {
    let path = folder.file(name)
    let file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o644)
    _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
    return path
  }

  @Test("what was written is there when the file is opened again")
  func reopens() throws {
    let path = folder.file("table.db")
    let item = Item(key: ItemKey(partition: "p", sort: "s"), attributes: ["n": .number(1)])
    do { try SQLiteTable(path: path).transact([.put(item)], durability: .disk) }
    #expect(try SQLiteTable(path: path).get(item.key, consistency: .strong) == item)
  }

  @Test("an empty file becomes a table")
  func emptyFile() throws {
    try SQLiteTable(path: write([], to: "empty.db")).put(Item(key: ItemKey(partition: "p", sort: "s")), if: .absent)
  }

  @Test("two that have the file open see each other's writes at once")
  func twoConnections() throws {
    let path = folder.file("table.db")
    let (one, other) = (try SQLiteTable(path: path), try SQLiteTable(path: path))
    for round in Int64(1)...20 {
      #expect(try (round % 2 == 0 ? one : other).increment(ItemKey(partition: "p", sort: "s"), attribute: "n") == round)
    }
  }

  @Test("a query that stops at its page leaves no read transaction behind")
  func noOpenRead() throws {
    let path = folder.file("table.db")
    let (one, other) = (try SQLiteTable(path: path), try SQLiteTable(path: path))
    try one.writeBatch((0..<50).map { .put(Item(key: ItemKey(partition: "p", sort: "\($0)"))) })
    #expect(try one.query(Query(partition: "p", limit: 3)).items.count == 3)
    try other.delete(ItemKey(partition: "p", sort: "0"), if: .exists)
    // A connection still in its old read transaction would not see the deletion.
    #expect(try one.get(ItemKey(partition: "p", sort: "0"), consistency: .strong) == nil)
  }

  @Test("a missing folder is named, with what to do")
  func missingFolder() {
    let error = refusal(folder.file("no/such/table.db"))
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains(folder.file("no/such/table.db")) == true)
    #expect(error?.detail.contains("mkdir -p '\(folder.file("no/such"))'") == true)
  }

  @Test("a folder instead of a file is named as one")
  func folderInstead() {
    let error = refusal(folder.path)
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains("it is a folder") == true)
  }

  @Test("a path that is none is refused", arguments: ["", ":memory:", "a\u{0}b"])
  func noPath(_ path: String) {
    #expect(refusal(path)?.code == .unusable)
  }

  // A file of one byte is an empty one to SQLite.
  @Test("a file that is no database is left as it is", arguments: [2, 99, 100, 5000])
  func textFile(_ count: Int) throws {
    let path = write(Array(repeating: UInt8(ascii: "x"), count: count), to: "notes.txt")
    let error = refusal(path)
    #expect(error?.code == .unusable)
    #expect(error?.detail.contains(path) == true)
    #expect(error?.detail.contains("move that file away or name another one") == true)
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_size == count)
  }

  @Test("a database of another version is refused with both versions, whatever number it bears")
  func foreignDatabases() throws {
    let path = folder.file("table.db")
    do { _ = try SQLiteTable(path: path) }
    // Bytes 60 to 63 of the header are SQLite's user_version, which tells whose the file is.
    for (version, number) in [([0x54, 0x54, 0, 9], 9), ([0, 0, 0, 0], 0), ([0, 0, 0, 7], 7)] as [([UInt8], Int)] {
      let file = open(path, O_WRONLY)
      _ = version.withUnsafeBytes { pwrite(file, $0.baseAddress, 4, 60) }
      close(file)
      let error = refusal(path)
      #expect(error?.code == .unusable)
      let words =
        "it was written by another version of Tickertape: its schema is version \(number), this program knows version 1;"
      #expect(error?.detail.contains(words) == true, "\(error?.detail ?? "opened")")
    }
  }

  @Test("a folder of another user that may not be entered is named with whose it is")
  func closedFolder() throws {
    let path = folder.file("table.db")
    chmod(folder.path, 0o600)
    defer { chmod(folder.path, 0o755) }
    // Root may do everything, so another user tries.
    let process = try TestProgram("TableStress", ["open", path, "\(getuid() == 0 ? 65534 : getuid())"])
    #expect(process.wait() == 1)
    let words = "the folder '\(folder.path)' cannot be entered: it belongs to the user \(getuid()) (mode 0600)"
    #expect(process.output.contains(words), "\(process.output)")
  }

  @Test(
    "without the right to read or write the file, the error says which right is missing", arguments: [0o000, 0o444])
  func rights(_ mode: UInt32) throws {
    let path = folder.file("table.db")
    do { _ = try SQLiteTable(path: path) }
    chmod(folder.path, 0o755)
    chmod(path, mode)
    // Root may do everything, so another user tries.
    let user: uid_t = getuid() == 0 ? 65534 : getuid()
    let process = try TestProgram("TableStress", ["open", path, "\(user)"])
    #expect(process.wait() == 1)
    #expect(process.output.contains("the table cannot be used (\(path): "))
    #expect(process.output.contains("the right to read and write the file and its folder '\(folder.path)'"))
    guard getuid() == 0 else { return }
    let mode = mode == 0 ? "0" : "444"
    #expect(
      process.output.contains("'\(path)' belongs to the user 0 (mode 0\(mode)) and this process runs as the user 65534")
    )
  }

  @Test("a file that is deleted or replaced while it is open is told, and nothing is written beside it")
  func deleted() throws {
    let path = folder.file("table.db")
    let item = Item(key: ItemKey(partition: "p", sort: "s"))
    let table = try SQLiteTable(path: path)
    try table.put(item, if: .always)
    for name in [path, "\(path)-wal", "\(path)-shm"] { unlink(name) }
    for isReplaced in [false, true] {
      if isReplaced { _ = try SQLiteTable(path: path) }
      let attempts: [() throws -> Void] = [
        { try table.put(item, if: .always) }, { _ = try table.get(item.key, consistency: .strong) },
        { _ = try table.query(Query(partition: "p")) },
      ]
      for attempt in attempts {
        let error = #expect(throws: TableError.self) { try attempt() }
        #expect(error?.code == .unusable && error?.detail.contains("was deleted or moved") == true)
      }
    }
    #expect(try SQLiteTable(path: path).get(item.key, consistency: .strong) == nil)
  }

  @Test("a full disk is told, changes nothing, and reading goes on")
  func fullDisk() throws {
    let table = try SQLiteTable(path: folder.file("table.db"), maximumPages: 20)
    let block = Value.bytes(Array(repeating: 1, count: 10_000))
    var written = 0
    let error = try #require(
      throws: TableError.self,
      performing: {
        while written < 1000 {
          // The small one still has room when the large one has none.
          try table.transact([
            .put(Item(key: ItemKey(partition: "a", sort: "\(written)"))),
            .put(Item(key: ItemKey(partition: "b", sort: "\(written)"), attributes: ["b": block])),
          ])
          written += 1
        }
      })
    #expect(error.code == .unusable)
    #expect(error.detail.contains("the disk is full; make room on it"))
    #expect(written > 0)
    #expect(try table.query(Query(partition: "a")).items.count == written)
    #expect(try table.query(Query(partition: "b")).items.count == written)
    try table.delete(ItemKey(partition: "b", sort: "0"), if: .exists)
    try table.put(Item(key: ItemKey(partition: "b", sort: "new"), attributes: ["b": block]), if: .absent)
  }

  @Test("a lock that is not released in time is contention, and the next write goes through")
  func contention() throws {
    let path = folder.file("table.db")
    let waiting = Mutex<TableError.Code?>(nil)
    // A table asks for the time within its transaction; there another one tries to write, and may read.
    let clock = Clock(
      milliseconds: {
        waiting.withLock { refusal in
          refusal = code { () throws(TableError) in
            let other = try SQLiteTable(path: path, busyMilliseconds: 5)
            _ = try other.get(ItemKey(partition: "p", sort: "other"), consistency: .strong)
            try other.put(Item(key: ItemKey(partition: "p", sort: "other")), if: .always)
          }
        }
        return 0
      }, monotonicMilliseconds: { 0 })
    try SQLiteTable(path: path, clock: clock).put(Item(key: ItemKey(partition: "p", sort: "s")), if: .always)
    #expect(waiting.withLock { $0 } == .contention)
    let after = try SQLiteTable(path: path)
    #expect(try after.sorts(Query(partition: "p")) == ["s"])
    try after.put(Item(key: ItemKey(partition: "p", sort: "other")), if: .absent)
  }
}
