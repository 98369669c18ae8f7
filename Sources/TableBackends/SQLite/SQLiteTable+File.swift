package import ConnectionStore

/// What is done with the file of a table as a whole, beside the work of its table.
extension SQLiteTable {
  /// What is wrong with a file that is there: it is no database, another program's, or damaged. Nil: nothing.
  ///
  /// Every page is read (`PRAGMA quick_check`), a second for some hundred megabytes; writers go on meanwhile.
  package static func fault(of path: String, busyMilliseconds: Int = 1_000) -> TableError? {
    do throws(SQLiteError) {
      let database = try Opening.connect(path: path, busyMilliseconds: busyMilliseconds, mayCreate: false)
      // Of a file that is ours by its numbers alone SQLite itself says what it lacks.
      if try Opening.owner(of: database) != .unowned { _ = try Statement(Schema.SQL.get.rawValue, in: database) }
      var faults: [String] = []
      try Statement(Schema.SQL.check.rawValue, in: database).run { row in
        // Faults of one tree come in one row, under a heading.
        faults += row.bytes(0).split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        return true
      }
      faults.removeAll { $0.hasPrefix("***") }
      guard let first = faults.first, faults != ["ok"] else { return nil }
      throw .corrupt(faults.count == 1 ? first : "\(first), and \(faults.count - 1) more faults")
    } catch {
      return TableError(error: error, operation: "open", path: path)
    }
  }

  /// The folder on the way to the file that this process may not enter, in words.
  package static func closedFolder(above path: String) -> String? { Opening.closedFolder(above: path) }

  /// Copies the log (`-wal`) into the file and cuts it, when no process works on the table any more: processes that were
  /// killed leave it behind. The last connection that is closed deletes it.
  package static func mergeLog(of path: String) throws(TableError) {
    do throws(SQLiteError) {
      let database = try Opening.connect(path: path, busyMilliseconds: 1_000, mayCreate: false)
      guard case .tickertape = try Opening.owner(of: database) else { return }
      try database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    } catch {
      throw TableError(error: error, operation: "open", path: path)
    }
  }
}
