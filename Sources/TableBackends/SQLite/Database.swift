import CSQLite
import Glibc

// The border to SQLite: every call of the C library is in this file.

/// What SQLite answered instead of doing it.
struct SQLiteError: Error {
  /// The extended result code; its lowest byte is the primary one.
  let code: Int32
  let message: String
  /// errno of the system call that failed, 0 if none did.
  let systemNumber: Int32

  var primary: Int32 { code & 0xFF }

  var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }
  var isFull: Bool { primary == SQLITE_FULL || (primary == SQLITE_IOERR && systemNumber == ENOSPC) }
  /// A damaged page, a page that is not there, or a file system that is damaged itself. Where only the file is ours, its
  /// statements fail as "no such table".
  var isCorrupt: Bool { [SQLITE_CORRUPT, SQLITE_ERROR].contains(primary) || Self.damage.contains(code) }
  var isNotADatabase: Bool { primary == SQLITE_NOTADB }
  var isTooBig: Bool { primary == SQLITE_TOOBIG }
  /// The file or its folder cannot be used with this process's rights.
  var isInaccessible: Bool { [SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH].contains(primary) }

  /// `SQLITE_IOERR_SHORT_READ`, `SQLITE_IOERR_DATA`, `SQLITE_IOERR_CORRUPTFS`: macros that Swift does not import.
  private static let damage = [2, 32, 33].map { SQLITE_IOERR | $0 << 8 }

  static func corrupt(_ message: String) -> SQLiteError {
    SQLiteError(code: SQLITE_CORRUPT, message: message, systemNumber: 0)
  }

  static let readOnly = SQLiteError(code: SQLITE_READONLY, message: "the file may not be written", systemNumber: 0)

  static func schema(_ message: String) -> SQLiteError {
    SQLiteError(code: SQLITE_NOTADB, message: message, systemNumber: 0)
  }
}

/// One connection to one database file, for one thread. Closes itself.
final class Database {
  fileprivate let handle: OpaquePointer
  private let logLimit = LogLimit()

  /// Opens the file; nothing is read yet. One that is missing is created if `mayCreate` says so, for this user only:
  /// SQLite gives the files beside it (`-wal`, `-shm`) the same mode.
  init(path: String, mayCreate: Bool = true) throws(SQLiteError) {
    do throws(SQLiteError) {
      handle = try Self.handle(path: path)
    } catch {
      guard mayCreate, error.systemNumber == ENOENT, Self.create(path: path) else { throw error }
      handle = try Self.handle(path: path)
    }
  }

  private static func handle(path: String) throws(SQLiteError) -> OpaquePointer {
    var opened: OpaquePointer?
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
    let code = sqlite3_open_v2(path, &opened, flags, nil)
    guard let opened else { throw SQLiteError(code: code, message: "out of memory", systemNumber: 0) }
    guard code == SQLITE_OK else {
      let error = SQLiteError(of: opened, code: code)
      sqlite3_close_v2(opened)
      throw error
    }
    return opened
  }

  /// Another process may be faster.
  private static func create(path: String) -> Bool {
    let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if file >= 0 { close(file) }
    return file >= 0 || errno == EEXIST
  }

  deinit { sqlite3_close_v2(handle) }

  /// SQLite opens a file that may not be written all the same, for reading.
  var isReadOnly: Bool { sqlite3_db_readonly(handle, "main") == 1 }

  /// The path names no file any more, or another one than that which is open. One stat(2).
  var hasMoved: Bool {
    var moved: Int32 = 0
    return sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0
  }

  var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

  /// How long a statement waits for another writer before it fails as busy.
  ///
  /// SQLite's own handler sleeps up to 100 ms at a time, a thousand times as long as a write takes here, and so whoever
  /// has waited longest is served last. This one looks again every 0.1 to 1 ms.
  func waitWhenBusy(milliseconds: Int) {
    // The first ten looks take 1 ms together, each further one 1 ms; the limit travels as the pointer's value.
    logLimit.busyMilliseconds = milliseconds
    Self.waitWhenBusy(handle, milliseconds: milliseconds)
  }

  fileprivate static func waitWhenBusy(_ handle: OpaquePointer?, milliseconds: Int) {
    sqlite3_busy_handler(
      handle,
      { limit, count in
        guard Int(count) < Int(bitPattern: limit) else { return 0 }
        usleep(count < 10 ? 100 : 1000)
        return 1
      }, UnsafeMutableRawPointer(bitPattern: max(milliseconds + 9, 1)))
  }

  /// Keeps the log beside the file (`-wal`) from growing without end: `LogLimit`.
  func limitLog() {
    sqlite3_wal_hook(
      handle,
      { context, handle, name, pages in
        guard let context else { return SQLITE_OK }
        Unmanaged<LogLimit>.fromOpaque(context).takeUnretainedValue().checkpoint(handle, name: name, pages: pages)
        return SQLITE_OK
      }, Unmanaged.passUnretained(logLimit).toOpaque())
  }

  /// Runs statements that return nothing of interest.
  func execute(_ sql: String) throws(SQLiteError) {
    try check(sqlite3_exec(handle, sql, nil, nil, nil))
  }

  fileprivate func check(_ code: Int32) throws(SQLiteError) {
    guard code == SQLITE_OK else { throw SQLiteError(of: handle, code: code) }
  }
}

/// When the log (`-wal`) is copied into the file, and when it is also cut.
///
/// Over 1,000 pages each commit copies what it can, as SQLite does by itself, and waits for nobody. While several
/// processes write without a pause that never comes to the end of the log, so the log never begins anew: 10,000 clients
/// that left at once made 199 MB beside a file of 10 MB. Over 4,000 pages (16 MB) a commit has the other writers wait
/// until all is copied, and cuts the log to nothing. A reader that stands still is waited for only briefly, and again
/// after each further 1,000 pages.
private final class LogLimit {
  static let copiedPages: Int32 = 1_000
  static let cutPages: Int32 = 4_000
  static let waitMilliseconds = 20

  var busyMilliseconds = 0
  /// How long the log was when it could not be cut.
  private var triedPages: Int32 = 0

  /// What fails here is tried again by a later commit.
  func checkpoint(_ handle: OpaquePointer?, name: UnsafePointer<CChar>?, pages: Int32) {
    if pages < Self.cutPages { triedPages = 0 }
    guard pages >= Self.copiedPages else { return }
    guard pages >= Self.cutPages, pages >= triedPages + Self.copiedPages else {
      sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
      return
    }
    triedPages = pages
    Database.waitWhenBusy(handle, milliseconds: Self.waitMilliseconds)
    // For who copies just now SQLite waits with no handler: it says busy at once.
    var tries = Self.waitMilliseconds
    while sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_TRUNCATE, nil, nil) == SQLITE_BUSY, tries > 0 {
      tries -= 1
      usleep(1000)
    }
    Database.waitWhenBusy(handle, milliseconds: busyMilliseconds)
  }
}

/// A prepared statement, kept for many runs. No run outlives its call, so none holds a read transaction open.
final class Statement {
  private let database: Database
  private let handle: OpaquePointer

  /// What stands for a `?` of the statement.
  enum Binding {
    /// A text as a BLOB of its UTF-8: compared byte by byte, and a NUL is a byte like any other.
    case text(String)
    case bytes([UInt8])
    case integer(Int64?)
  }

  init(_ sql: String, in database: Database) throws(SQLiteError) {
    self.database = database
    var prepared: OpaquePointer?
    try database.check(sqlite3_prepare_v3(database.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil))
    guard let prepared else { throw SQLiteError(code: SQLITE_MISUSE, message: "no statement", systemNumber: 0) }
    handle = prepared
  }

  deinit { sqlite3_finalize(handle) }

  /// Runs the statement to its end, or until `row` answers false.
  func run(
    _ bindings: [Binding] = [], row: (Row) throws(SQLiteError) -> Bool = { _ in true }
  ) throws(SQLiteError) {
    defer {
      sqlite3_reset(handle)
      // Else the copies of large values would be kept until the next run.
      sqlite3_clear_bindings(handle)
    }
    for (index, binding) in bindings.enumerated() { try bind(binding, at: Int32(index + 1)) }
    while true {
      let code = sqlite3_step(handle)
      switch code {
      case SQLITE_DONE: return
      case SQLITE_ROW: if try !row(Row(statement: handle)) { return }
      default: throw SQLiteError(of: database.handle, code: code)
      }
    }
  }

  private func bind(_ binding: Binding, at index: Int32) throws(SQLiteError) {
    let code: Int32
    switch binding {
    case .text(var text):
      code = text.withUTF8 { tickertape_bind_blob(handle, index, $0.baseAddress, Int32($0.count)) }
    case .bytes(let bytes):
      code = bytes.withUnsafeBytes { tickertape_bind_blob(handle, index, $0.baseAddress, Int32($0.count)) }
    case .integer(let number?): code = sqlite3_bind_int64(handle, index, number)
    case .integer(nil): code = sqlite3_bind_null(handle, index)
    }
    try database.check(code)
  }
}

/// The row a statement stands on, valid within the call it was passed to.
struct Row {
  fileprivate let statement: OpaquePointer

  /// nil for NULL.
  func integer(_ column: Int32) -> Int64? {
    sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : sqlite3_column_int64(statement, column)
  }

  func bytes(_ column: Int32) -> [UInt8] {
    // The pointer is nil for no bytes; its count must be asked for after it.
    guard let start = sqlite3_column_blob(statement, column) else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
  }
}

extension SQLiteError {
  fileprivate init(of database: OpaquePointer, code: Int32) {
    let extended = sqlite3_extended_errcode(database)
    self.code = extended & 0xFF == code & 0xFF ? extended : code
    message = String(cString: sqlite3_errmsg(database))
    systemNumber = sqlite3_system_errno(database)
  }
}
