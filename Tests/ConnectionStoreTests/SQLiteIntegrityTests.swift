import ConnectionStore
import Glibc
import TestSupport
import Testing

@testable import TableBackends

@Suite("whose the SQLite file is, and whether it is whole")
struct SQLiteIntegrityTests {
  private let folder = TemporaryFolder()

  private func refusal(_ path: String) -> TableError? {
    do throws(TableError) {
      _ = try SQLiteTable(path: path)
      return nil
    } catch {
      return error
    }
  }

  private func write(_ bytes: [UInt8], at place: Int = 0, to path: String) {
    let file = open(path, O_CREAT | O_WRONLY, 0o644)
    _ = bytes.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, off_t(place)) }
    close(file)
  }

  /// A table of some pages.
  private func fill(_ path: String) throws {
    let block = Value.bytes([UInt8](repeating: 7, count: 99))
    try SQLiteTable(path: path).writeBatch(
      (0..<500).map { .put(Item(key: ItemKey(partition: "p", sort: "\($0)"), attributes: ["b": block])) })
  }

  private func mode(_ path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
  }

  private func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  @Test(
    "a table that is made is its user's alone, with all that SQLite puts beside it; one that is there stays as it is")
  func modes() throws {
    let path = folder.file("table.db")
    let table = try SQLiteTable(path: path)
    try table.put(Item(key: ItemKey(partition: "p", sort: "s")), if: .always)
    for name in [path, "\(path)-wal", "\(path)-shm"] { #expect(mode(name) == 0o600, "\(name)") }
    let shared = folder.file("shared.db")
    write([], to: shared)
    try SQLiteTable(path: shared).put(Item(key: ItemKey(partition: "p", sort: "s")), if: .always)
    #expect(mode(shared) == 0o644)
  }

  // MARK: Whose it is

  /// Bytes 68 to 71 of the header are SQLite's application_id.
  private func setApplication(_ id: [UInt8], of path: String) { write(id, at: 68, to: path) }

  private func application(of path: String) -> String {
    var id = [UInt8](repeating: 0, count: 4)
    let file = open(path, O_RDONLY)
    _ = id.withUnsafeMutableBytes { pread(file, $0.baseAddress, 4, 68) }
    close(file)
    return String(decoding: id, as: UTF8.self)
  }

  @Test("a file bears this program's application id; one from before has it from its next opening on")
  func applicationID() throws {
    let path = folder.file("table.db")
    do { _ = try SQLiteTable(path: path) }
    #expect(application(of: path) == "tick")
    setApplication([0, 0, 0, 0], of: path)
    do { _ = try SQLiteTable(path: path) }
    #expect(application(of: path) == "tick")
    setApplication([0, 0, 0, 9], of: path)
    let error = refusal(path)
    #expect(error?.code == .unusable && error?.detail.contains("another program, whose application id is 9") == true)
  }

  @Test("another program's database is refused, at its opening and by whoever examines it, and stays as it is")
  func otherTables() throws {
    let path = folder.file("bookmarks.db")
    do { try Database(path: path).execute("CREATE TABLE bookmarks (url TEXT)") }
    let before = size(path)
    for error in [refusal(path), SQLiteTable.fault(of: path)] {
      #expect(error?.code == .unusable && error?.detail.contains("it is a database of another program") == true)
    }
    #expect(size(path) == before && application(of: path) == "\0\0\0\0")
  }

  // MARK: Damage

  @Test("damaged pages are found, and what they break does not pass by itself")
  func damage() throws {
    let path = folder.file("table.db")
    try fill(path)
    #expect(SQLiteTable.fault(of: path) == nil)
    write([UInt8](repeating: 0xA5, count: size(path) - 2 * 4096), at: 2 * 4096, to: path)
    let fault = SQLiteTable.fault(of: path)
    #expect(fault?.code == .corrupt && fault?.detail.contains("restore the file from a copy") == true)
    #expect(
      fault?.detail.contains("\n") == false && fault?.detail.contains(" more faults; ") == true,
      "\(fault?.detail ?? "")")
    let table = try SQLiteTable(path: path)
    let error = #expect(throws: TableError.self) { _ = try table.query(Query(partition: "p")) }
    #expect(error?.code == .corrupt && error?.mayPass == false)
  }

  @Test("a file of ours whose tables are gone is damaged, not away for a moment")
  func noTables() throws {
    let path = folder.file("table.db")
    do { _ = try SQLiteTable(path: path) }
    do { try Database(path: path).execute("DROP TABLE items") }
    let fault = SQLiteTable.fault(of: path)
    #expect(fault?.code == .corrupt && fault?.detail.contains("no such table: items") == true)
    let table = try SQLiteTable(path: path)
    let error = #expect(throws: TableError.self) {
      try table.put(Item(key: ItemKey(partition: "p", sort: "s")), if: .always)
    }
    #expect(error?.code == .corrupt)
  }

  @Test("a file that is cut short is damaged") func cutShort() throws {
    let path = folder.file("table.db")
    try fill(path)
    truncate(path, 3 * 4096)
    #expect(SQLiteTable.fault(of: path)?.code == .corrupt)
  }

  // MARK: The log beside the file

  @Test("the log grows while a reader stands still, and is cut once nobody is in the way")
  func logLimit() throws {
    let path = folder.file("table.db")
    let table = try SQLiteTable(path: path)
    let items = (0..<100).map {
      Item(key: ItemKey(partition: "p", sort: "\($0)"), attributes: ["b": .bytes(Array(repeating: 7, count: 3_000))])
    }
    let reader = try Database(path: path)
    try table.writeBatch(items.map { .put($0) })
    try reader.execute("BEGIN")
    try Statement("SELECT count(*) FROM items", in: reader).run()
    for _ in 0..<60 { try table.writeBatch(items.map { .put($0) }) }
    #expect(size("\(path)-wal") > 4_000 * 4_096)
    try reader.execute("COMMIT")
    for _ in 0..<10 { try table.writeBatch(items.map { .put($0) }) }
    #expect(size("\(path)-wal") < 4_000 * 4_096)
    #expect(try table.query(Query(partition: "p")).items.count == 100)
  }

  @Test("the log that killed processes leave is merged into the file")
  func mergedLog() throws {
    let path = folder.file("table.db")
    let writer = try TestProgram("TableStress", ["write", path, "1", "1000000"])
    while size("\(path)-wal") < 100_000 { usleep(1_000) }
    writer.kill()
    #expect(writer.wait() != 0)
    try SQLiteTable.mergeLog(of: path)
    #expect(size("\(path)-wal") == 0 && SQLiteTable.fault(of: path) == nil)
    #expect(try SQLiteTable(path: path).get(ItemKey(partition: "counter", sort: "plain"), consistency: .strong) != nil)
  }
}
