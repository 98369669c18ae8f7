import ConnectionStore
import Glibc

/// From a path to a database that is ours, in as few steps as a cold start can bear: three statements if the file is
/// there.
enum Opening {
  static func open(path: String, busyMilliseconds: Int) throws(SQLiteError) -> Database {
    let database = try connect(path: path, busyMilliseconds: busyMilliseconds, mayCreate: true)
    switch try owner(of: database) {
    case .tickertape: break
    case .unowned: try create(in: database, tries: busyMilliseconds)
    case .unmarked: if !database.isReadOnly { try database.execute(Schema.mark) }
    }
    if database.isReadOnly { throw .readOnly }
    return database
  }

  static func connect(path: String, busyMilliseconds: Int, mayCreate: Bool) throws(SQLiteError) -> Database {
    guard !path.isEmpty, path != ":memory:", !path.utf8.contains(0) else { throw .schema("this is no path of a file") }
    let database = try Database(path: path, mayCreate: mayCreate)
    database.waitWhenBusy(milliseconds: busyMilliseconds)
    database.limitLog()
    // Reads the header; what is not a database fails here.
    try database.execute("PRAGMA synchronous = NORMAL")
    return database
  }

  /// Whose a database is that this program may use.
  enum Owner {
    case tickertape
    /// Ours, from before files bore an `application_id`.
    case unmarked
    /// An empty file.
    case unowned
  }

  static func owner(of database: Database) throws(SQLiteError) -> Owner {
    let version = try integer(.version, in: database)
    let application = try integer(.application, in: database)
    switch (version, application) {
    case (Schema.version, Schema.application): return .tickertape
    case (Schema.version, 0): return .unmarked
    case (0, 0): if try integer(.isEmpty, in: database) == 0 { return .unowned }
    default: break
    }
    // Another process may have made it between the two looks.
    let now = try integer(.version, in: database)
    if now != version, now == Schema.version { return .tickertape }
    throw foreign(now, application: application)
  }

  private static func create(in database: Database, tries: Int) throws(SQLiteError) {
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

  private static func foreign(_ version: Int64, application: Int64) -> SQLiteError {
    let isOurNumber = version >> 16 == Schema.version >> 16
    guard application == Schema.application || application == 0 && isOurNumber else {
      let id = application == 0 ? "" : ", whose application id is \(application)"
      return .schema("it is a database of another program\(id)")
    }
    return .schema(
      "it was written by another version of Tickertape: its schema is version \(isOurNumber ? version & 0xFFFF : version), "
        + "this program knows version \(Schema.version & 0xFFFF)")
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
  init(error: SQLiteError, operation: String, key: ItemKey? = nil, path: String) {
    let reason =
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
    self.init(code: code, operation: operation, key: key, detail: "\(path): \(reason); \(advice)")
  }
}

extension Opening {
  /// What stands in the way of opening the file, found out after it failed.
  static func advice(onAccessTo path: String) -> String {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    if let closed = closedFolder(above: path) { return closed }
    var status = stat()
    guard stat(folder, &status) == 0 else {
      return "create the folder first (mkdir -p '\(folder)'), or check its rights"
    }
    if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return "it is a folder; name a file in it" }
    return "\(owners(of: path))this process needs the right to read and write the file and its folder '\(folder)'"
  }

  /// The first folder on the way to the file that this process may not enter, and whose it is; nil: there is none.
  static func closedFolder(above path: String) -> String? {
    for end in path.indices where path[end] == "/" && end > path.startIndex {
      let folder = String(path[..<end])
      var status = stat()
      guard stat(folder, &status) == 0 else { return nil }
      if status.st_mode & S_IFMT == S_IFDIR, access(folder, X_OK) != 0 {
        let mode = String(status.st_mode & 0o777, radix: 8)
        return
          "the folder '\(folder)' cannot be entered: it belongs to the user \(status.st_uid) (mode 0\(mode)) and this "
          + "process runs as the user \(geteuid())"
      }
    }
    return nil
  }

  /// Which of the files that make up the database belongs to another user; "": none.
  private static func owners(of path: String) -> String {
    for file in [path, "\(path)-wal", "\(path)-shm"] {
      var status = stat()
      guard access(file, R_OK | W_OK) != 0, stat(file, &status) == 0, status.st_uid != geteuid() else { continue }
      let mode = String(status.st_mode & 0o777, radix: 8)
      return "'\(file)' belongs to the user \(status.st_uid) (mode 0\(mode)) and this process runs as the user "
        + "\(geteuid()): run all of them as one user; "
    }
    return ""
  }
}
