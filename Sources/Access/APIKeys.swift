package import ConnectionStore
import JSON
import Messaging
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
          .put(stored.item(Self.row(key.hash)), if: .absent),
          .put(stored.item(Self.indexRow(key.hash)), if: .absent), record("created", key: stored),
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

  /// All that have not expired, in the order of their creation.
  package func list() throws(TableError) -> [StoredKey] {
    var found: [StoredKey] = []
    var query = Query(partition: Self.index)
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
    try table.query(Query(partition: Self.index, sort: .prefix(prefix), limit: 10)).items.compactMap {
      StoredKey($0, hash: $0.key.sort)
    }
  }

  /// From now on no handshake finds the key; connections that it opened before stay. May be repeated.
  package func revoke(_ hash: String) throws(TableError) {
    guard let current = try stored(hash) else {
      return try table.transact([.delete(Self.row(hash)), .delete(Self.indexRow(hash))], durability: .disk)
    }
    try table.transact(
      [.delete(Self.row(hash)), .delete(Self.indexRow(hash)), record("revoked", key: current)], durability: .disk)
  }

  // MARK: Accountability

  /// What was done with keys, the oldest first; kept for 400 days.
  package func changes() throws(TableError) -> [KeyChange] {
    var found: [KeyChange] = []
    var query = Query(partition: Self.audit)
    repeat {
      let page = try table.query(query)
      found += page.items.compactMap(KeyChange.init)
      query.after = page.next
    } while query.after != nil
    return found
  }

  /// Goes with the change itself: there is none without its record.
  private func record(_ action: String, key: StoredKey) -> TransactionWrite {
    let now = clock.milliseconds()
    var item = Item(
      key: ItemKey(partition: Self.audit, sort: "\(now)#\(key.hash.prefix(16))#\(action)"),
      attributes: ["v": .number(1), "action": .string(action), "hash": .string(key.hash), "at": .number(now)],
      expires: now / 1000 + 400 * 24 * 60 * 60)
    if let user = key.grant.principal.user { item["user"] = .string(user) }
    if let role = key.grant.principal.role { item["role"] = .string(role.rawValue) }
    return .put(item)
  }

  private static let audit = "aa"

  private func stored(_ hash: String) throws(TableError) -> StoredKey? {
    try table.get(Self.row(hash), consistency: .strong).flatMap { StoredKey($0, hash: hash) }
  }

  private static let index = "a"
  private static func row(_ hash: String) -> ItemKey { ItemKey(partition: "a#\(hash)", sort: "a") }
  private static func indexRow(_ hash: String) -> ItemKey { ItemKey(partition: index, sort: hash) }
}

extension StoredKey {
  func item(_ key: ItemKey) -> Item {
    var item = Item(
      key: key, attributes: ["v": .number(1), "created": .number(createdMilliseconds), "label": .string(grant.label)],
      expires: grant.expires)
    if let user = grant.principal.user { item["user"] = .string(user) }
    if let role = grant.principal.role { item["role"] = .string(role.rawValue) }
    if let expires = grant.expires { item["until"] = .number(expires) }
    if !grant.principal.groups.isEmpty { item["groups"] = .bytes(Self.encode(grant.principal.groups)) }
    return item
  }

  /// Nil for a row that this release does not understand: such a key opens nothing.
  init?(_ item: Item, hash: String) {
    guard item.number("v") == 1, let created = item.number("created") else { return nil }
    var groups: [String] = []
    if let bytes = item.bytes("groups") {
      guard let list = Self.decode(bytes) else { return nil }
      groups = list
    }
    let principal = Principal(
      user: item.string("user"), role: item.string("role").flatMap(Role.init), groups: groups)
    self.init(
      hash: hash,
      grant: KeyGrant(principal: principal, expires: item.number("until"), label: item.string("label") ?? ""),
      createdMilliseconds: created)
  }

  private static func encode(_ groups: [String]) -> [UInt8] {
    var writer = JSONWriter()
    writer.array { writer in
      for group in groups { writer.string(group) }
    }
    return writer.bytes
  }

  private static func decode(_ bytes: [UInt8]) -> [String]? {
    var reader = JSONReader(bytes)
    guard let groups = try? reader.strings(), (try? reader.end()) != nil else { return nil }
    return groups
  }
}

/// A key that was created or revoked.
package struct KeyChange: Equatable, Sendable {
  package let action: String
  package let hash: String
  package let user: String?
  package let role: String?
  package let atMilliseconds: Int64

  init?(_ item: Item) {
    guard let action = item.string("action"), let hash = item.string("hash"), let at = item.number("at") else {
      return nil
    }
    self.action = action
    self.hash = hash
    user = item.string("user")
    role = item.string("role")
    atMilliseconds = at
  }
}
