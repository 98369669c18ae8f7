package import ConnectionStore
package import Telemetry

/// The keys of a table.
///
/// A key stands twice: under its hash, where a handshake finds it with one read, and in the partition of all keys, for
/// listing. Both rows come and go in one transaction.
package struct APIKeys {
  private let table: any Table
  private let clock: Clock
  private let randomness: Randomness

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// The key's text is in this answer and nowhere else.
  package func create(_ grant: KeyGrant) throws(TableError) -> (key: APIKey, stored: StoredKey) {
    let key = APIKey(randomness)
    let stored = StoredKey(hash: key.hash, grant: grant, createdMilliseconds: clock.milliseconds())
    do {
      try table.transact(
        [
          .put(AccessKeyRow.item(AccessKeyRow.key(hash: key.hash), stored: stored), if: .absent),
          .put(AccessKeyRow.item(AccessKeyRow.listKey(hash: key.hash), stored: stored), if: .absent),
          record("created", key: stored),
        ], durability: .disk)
    } catch {
      // Nobody else draws the same 256 bits: the row that stands is this one, written by an attempt whose answer was
      // lost.
      guard case .transactionFailed = error.code, try self.stored(key.hash) != nil else { throw error }
    }
    return (key, stored)
  }

  /// Nil for a key that never was, was revoked, or has expired. Reads consistently: a revoked key is refused at once.
  package func find(_ key: APIKey) throws(TableError) -> StoredKey? { try stored(key.hash) }

  /// The same of a key of which only the hash is known.
  func find(hash: String) throws(TableError) -> StoredKey? { try stored(hash) }

  /// All that have not expired, in the order of their creation.
  package func list() throws(TableError) -> [StoredKey] {
    var found: [StoredKey] = []
    var query = Query(partition: AccessKeyRow.listPartition)
    while true {
      let page = try table.query(query)
      found += page.items.compactMap { StoredKey($0, hash: $0.key.sort) }
      guard let next = page.next else { break }
      query.after = next
    }
    return found.sorted { ($0.createdMilliseconds, $0.hash) < ($1.createdMilliseconds, $1.hash) }
  }

  /// Those whose hash begins so.
  package func list(hashPrefix prefix: String) throws(TableError) -> [StoredKey] {
    try table.query(Query(partition: AccessKeyRow.listPartition, sort: .prefix(prefix), limit: 10)).items.compactMap {
      StoredKey($0, hash: $0.key.sort)
    }
  }

  /// From now on no handshake finds the key; connections that it opened before stay. May be repeated.
  package func revoke(_ hash: String) throws(TableError) {
    guard let current = try stored(hash) else {
      return try table.transact(Self.deletions(hash), durability: .disk)
    }
    try table.transact(Self.deletions(hash) + [record("revoked", key: current)], durability: .disk)
  }

  // MARK: Accountability

  /// What was done with keys, the oldest first; kept for 400 days.
  package func changes() throws(TableError) -> [KeyChange] {
    var found: [KeyChange] = []
    var query = Query(partition: KeyChangeRow.partition)
    repeat {
      let page = try table.query(query)
      found += page.items.compactMap(KeyChange.init)
      query.after = page.next
    } while query.after != nil
    return found
  }

  /// Goes with the change itself: there is none without its record.
  private func record(_ action: String, key: StoredKey) -> TransactionWrite {
    .put(KeyChangeRow.item(action, stored: key, atMilliseconds: clock.milliseconds()))
  }

  private func stored(_ hash: String) throws(TableError) -> StoredKey? {
    try table.get(AccessKeyRow.key(hash: hash), consistency: .strong).flatMap { StoredKey($0, hash: hash) }
  }

  private static func deletions(_ hash: String) -> [TransactionWrite] {
    [.delete(AccessKeyRow.key(hash: hash)), .delete(AccessKeyRow.listKey(hash: hash))]
  }
}

/// A key that was created or revoked.
package struct KeyChange: Equatable, Sendable {
  package let action: String
  package let hash: String
  package let user: String?
  package let role: String?
  package let atMilliseconds: Int64
}
