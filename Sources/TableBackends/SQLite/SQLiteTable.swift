package import ConnectionStore
package import Telemetry

/// A table in one SQLite file (WAL), shared by any number of processes on one machine.
///
/// Every write is one `BEGIN IMMEDIATE` transaction: one that began by reading could not become a writer once another
/// has written, and SQLite would fail it at once instead of waiting. Reads never wait and leave no read transaction
/// open behind them, which would keep the log from being folded into the file.
package final class SQLiteTable: LocalTable {
  private let clock: Clock
  private let path: String
  private let database: Database
  private var prepared: [Schema.SQL: Statement] = [:]
  private var syncsCommits = false
  private var writes = 0
  /// Items stored since expired ones were deleted.
  private var stores: Int64 = 0

  /// Writes a batch does in one transaction, so that other processes need not wait for a long one.
  private static let batchStep = 100
  /// Every so many writing calls, or items, expired items are deleted: a bounded number, and more than were added
  /// since, so that the file does not grow with what has expired. Never on the first call, which belongs to a cold
  /// start.
  private static let callsPerSweep = 8
  private static let storesPerSweep: Int64 = 64
  private static let itemsPerSweep: Int64 = 32

  /// Opens the file and creates it if it is missing; its folder must be there.
  ///
  /// - Parameters:
  ///   - busyMilliseconds: how long to wait for another writer before `.contention`.
  ///   - maximumPages: a bound of 4 KB pages on the file, at which it is a full disk; nil: none.
  package init(
    path: String, clock: Clock = .system, busyMilliseconds: Int = 5000, maximumPages: Int? = nil
  ) throws(TableError) {
    self.clock = clock
    self.path = path
    do throws(SQLiteError) {
      database = try Opening.open(path: path, busyMilliseconds: busyMilliseconds)
      if let maximumPages { try database.execute("PRAGMA max_page_count = \(maximumPages)") }
    } catch {
      throw TableError(error: error, operation: "open", path: path)
    }
  }

  package func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item? {
    try RequestRules.check(key, operation: "get")
    try requireFile("get")
    return try current(key, at: clock.seconds, operation: "get")
  }

  package func query(_ query: Query) throws(TableError) -> Page {
    try RequestRules.check(query)
    let bounds = SortBounds(query)
    var builder = PageBuilder(limit: query.limit)
    guard !bounds.isEmpty else { return builder.page }
    try requireFile("query")
    let bindings: [Statement.Binding] = [
      .text(query.partition), .bytes(bounds.from), .bytes(bounds.to), .integer(clock.seconds),
      // One more than asked for tells whether there is a next page.
      .integer(Int64(query.limit == .max ? .max : query.limit + 1)),
    ]
    try run(.query, bindings: bindings, operation: "query") { (row) throws(SQLiteError) in
      guard let sort = String(validating: row.bytes(0), as: UTF8.self) else { throw .corrupt("a key is not UTF-8") }
      let attributes = try ItemCoding.decode(row.bytes(2))
      return builder.append(
        Item(key: ItemKey(partition: query.partition, sort: sort), attributes: attributes, expires: row.integer(1)))
    }
    return builder.page
  }

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) {
    try RequestRules.check(writes)
    for start in stride(from: 0, to: writes.count, by: Self.batchStep) {
      try inTransaction("writeBatch", durability: .process) { () throws(TableError) in
        for write in writes[start..<min(start + Self.batchStep, writes.count)] {
          switch write {
          case .put(let item): try apply(.store(item), operation: "writeBatch")
          case .delete(let key): try apply(.remove(key), operation: "writeBatch")
          }
        }
      }
    }
  }

  package func commit(
    _ writes: [TransactionWrite], operation: String, durability: Durability
  ) throws(TableError) -> [Effect] {
    try inTransaction(operation, durability: durability) { () throws(TableError) in
      // Read within the transaction: it may have waited for another writer.
      let now = clock.seconds
      let effects = try Effect.effects(of: writes, operation: operation) { (key) throws(TableError) in
        try current(key, at: now, operation: operation)
      }
      for effect in effects { try apply(effect, operation: operation) }
      return effects
    }
  }

  private func current(_ key: ItemKey, at now: Int64, operation: String) throws(TableError) -> Item? {
    var item: Item?
    let bindings: [Statement.Binding] = [.text(key.partition), .text(key.sort), .integer(now)]
    try run(.get, bindings: bindings, operation: operation, key: key) { (row) throws(SQLiteError) in
      item = Item(key: key, attributes: try ItemCoding.decode(row.bytes(1)), expires: row.integer(0))
      return true
    }
    return item
  }

  private func apply(_ effect: Effect, operation: String) throws(TableError) {
    switch effect {
    case .store(let item):
      let attributes = ItemCoding.encode(item.attributes)
      let bindings: [Statement.Binding] = [
        .text(item.key.partition), .text(item.key.sort), .integer(item.expires), .bytes(attributes),
      ]
      try run(.store, bindings: bindings, operation: operation, key: item.key)
      stores += 1
    case .remove(let key):
      try run(.remove, bindings: [.text(key.partition), .text(key.sort)], operation: operation, key: key)
    case .nothing: break
    }
  }

  private func inTransaction<Answer>(
    _ operation: String, durability: Durability, _ body: () throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    try requireFile(operation)
    try syncCommits(durability == .disk, operation: operation)
    try run(.begin, bindings: [], operation: operation)
    do throws(TableError) {
      let answer = try body()
      writes += 1
      if writes % Self.callsPerSweep == 0 || writes > 1 && stores >= Self.storesPerSweep {
        let count = max(Self.itemsPerSweep, 2 * stores)
        try run(.removeExpired, bindings: [.integer(clock.seconds), .integer(count)], operation: operation)
        stores = 0
      }
      try run(.commit, bindings: [], operation: operation)
      return answer
    } catch {
      // SQLite has ended the transaction itself after some errors, a full disk for one.
      if database.isInTransaction { try? run(.rollback, bindings: [], operation: operation) }
      throw error
    }
  }

  /// What is written to a deleted file nobody reads again, while others begin a new file in its place.
  private func requireFile(_ operation: String) throws(TableError) {
    guard database.hasMoved else { return }
    throw TableError(
      code: .unusable, operation: operation,
      detail: "\(path): the file was deleted or moved while it was open; start the programs that use it again")
  }

  /// `FULL` makes a commit wait until the log is on the disk, `NORMAL` does not; it cannot be changed within a
  /// transaction.
  private func syncCommits(_ wanted: Bool, operation: String) throws(TableError) {
    guard wanted != syncsCommits else { return }
    do throws(SQLiteError) {
      try database.execute(wanted ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL")
    } catch { throw TableError(error: error, operation: operation, path: path) }
    syncsCommits = wanted
  }

  private func run(
    _ sql: Schema.SQL, bindings: [Statement.Binding], operation: String, key: ItemKey? = nil,
    row: (Row) throws(SQLiteError) -> Bool = { _ in true }
  ) throws(TableError) {
    do throws(SQLiteError) {
      try statement(sql).run(bindings, row: row)
    } catch {
      throw TableError(error: error, operation: operation, key: key, path: path)
    }
  }

  private func statement(_ sql: Schema.SQL) throws(SQLiteError) -> Statement {
    if let statement = prepared[sql] { return statement }
    let statement = try Statement(sql.rawValue, in: database)
    prepared[sql] = statement
    return statement
  }
}
