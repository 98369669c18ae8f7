import ConnectionStore
import Glibc

/// From a path to a database that is ours, in as few steps as a cold start can bear: two statements if the file is
/// there.
enum Opening {
  static func open(_ path: String, busyMilliseconds: Int) throws(SQLiteError) -> Database {
    guard !path.isEmpty, path != ":memory:", !path.utf8.contains(0) else { throw .schema("this is no path of a file") }
    let database = try Database(path: path)
    database.waitWhenBusy(milliseconds: busyMilliseconds)
    // Reads the header; what is not a database fails here.
    try database.execute("PRAGMA synchronous = NORMAL")
    let version = try integer(.version, in: database)
    if version != Schema.version { try create(in: database, found: version, tries: busyMilliseconds) }
    if database.isReadOnly { throw .readOnly }
    return database
  }

  private static func create(in database: Database, found version: Int64, tries: Int) throws(SQLiteError) {
    guard version == 0, try integer(.isEmpty, in: database) == 0 else {
      // Another process may have made it between the two looks.
      let now = try integer(.version, in: database)
      if now == Schema.version { return }
      throw foreign(now)
    }
    if database.isReadOnly { throw .readOnly }
    try switchToWAL(database, tries: tries)
    try database.execute(Schema.SQL.begin.rawValue)
    // Another process may have been faster.
    if try integer(.version, in: database) == 0 { try database.execute(Schema.creation) }
    try database.execute(Schema.SQL.commit.rawValue)
  }

  /// The file keeps the mode. While others open it, the switch fails as busy without waiting, lest two wait for each
  /// other.
  private static func switchToWAL(_ database: Database, tries: Int) throws(SQLiteError) {
    var left = tries
    while true {
      do throws(SQLiteError) {
        return try database.execute("PRAGMA journal_mode = WAL")
      } catch {
        guard error.isBusy, left > 0 else { throw error }
        left -= 1
        usleep(1000)
      }
    }
  }

  private static func foreign(_ version: Int64) -> SQLiteError {
    let isOurs = version >> 16 == Schema.version >> 16
    return .schema(
      isOurs
        ? "its schema is version \(version & 0xFFFF), this program knows version \(Schema.version & 0xFFFF)"
        : "it is a database of another program")
  }

  private static func integer(_ sql: Schema.SQL, in database: Database) throws(SQLiteError) -> Int64 {
    var answer: Int64 = 0
    try Statement(sql.rawValue, in: database).run { row in
      answer = row.integer(0) ?? 0
      return true
    }
    return answer
  }
}

extension TableError {
  /// What SQLite's answer means to the caller of a table, with the path and what to do about it.
  init(_ error: SQLiteError, _ operation: String, key: ItemKey? = nil, path: String) {
    let words =
      error.systemNumber == 0 ? error.message : "\(error.message): \(String(cString: strerror(error.systemNumber)))"
    let (code, advice): (Code, String) =
      if error.isBusy {
        (.contention, "other processes hold the write lock")
      } else if error.isFull {
        (.unusable, "the disk is full; make room on it")
      } else if error.isInaccessible {
        (.unusable, Opening.advice(onAccessTo: path))
      } else if error.isNotADatabase {
        (.unusable, "move that file away or name another one")
      } else if error.isCorrupt {
        (.corrupt, "restore the file from a copy, or move it away to begin anew")
      } else if error.isTooBig {
        (.invalidRequest, "the item is too large for SQLite")
      } else {
        (.unavailable, "SQLite's code \(error.code)")
      }
    self.init(code, operation, key: key, detail: "\(path): \(words); \(advice)")
  }
}

extension Opening {
  /// What stands in the way of opening the file, found out after it failed.
  static func advice(onAccessTo path: String) -> String {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var status = stat()
    guard stat(folder, &status) == 0 else {
      return "create the folder first (mkdir -p '\(folder)'), or check its rights"
    }
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return "it is a folder; name a file in it" }
    return "this process needs the right to read and write the file and its folder '\(folder)'"
  }
}
