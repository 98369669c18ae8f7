package import Telemetry

/// A table in the memory of this process, for tests: every process has its own, and nothing survives it.
///
/// Expired items stay until something is put in their place, so that tests meet them as they would on DynamoDB.
package final class MemoryTable: LocalTable {
  private let clock: Clock
  /// The items of each partition in the byte order of their sort keys.
  private var partitions: [[UInt8]: [Row]] = [:]

  private struct Row {
    let sort: [UInt8]
    var item: Item
  }

  package init(clock: Clock = .system) { self.clock = clock }

  package func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item? {
    try RequestRules.check(key, operation: "get")
    return current(key, at: clock.seconds)
  }

  package func query(_ query: Query) throws(TableError) -> Page {
    try RequestRules.check(query)
    let rows = partitions[Array(query.partition.utf8)] ?? []
    let bounds = SortBounds(query)
    let now = clock.seconds
    var builder = PageBuilder(limit: query.limit)
    for row in rows[index(of: bounds.from, in: rows)...] {
      guard row.sort.lexicographicallyPrecedes(bounds.to) else { break }
      if row.item.isExpired(at: now) { continue }
      guard builder.append(row.item) else { break }
    }
    return builder.page
  }

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) {
    try RequestRules.check(writes)
    for write in writes {
      switch write {
      case .put(let item): apply(.store(item))
      case .delete(let key): apply(.remove(key))
      }
    }
  }

  package func commit(
    _ writes: [TransactionWrite], operation: String, durability: Durability
  ) throws(TableError) -> [Effect] {
    let now = clock.seconds
    let effects = try Effect.effects(of: writes, operation: operation) { (key) throws(TableError) in
      current(key, at: now)
    }
    for effect in effects { apply(effect) }
    return effects
  }

  private func current(_ key: ItemKey, at now: Int64) -> Item? {
    let rows = partitions[Array(key.partition.utf8)] ?? []
    let sort = Array(key.sort.utf8)
    let index = index(of: sort, in: rows)
    guard index < rows.count, rows[index].sort == sort, !rows[index].item.isExpired(at: now) else { return nil }
    return rows[index].item
  }

  private func apply(_ effect: Effect) {
    switch effect {
    case .store(let item): change(item.key) { $0 = item }
    case .remove(let key): change(key) { $0 = nil }
    case .nothing: break
    }
  }

  private func change(_ key: ItemKey, _ body: (inout Item?) -> Void) {
    let sort = Array(key.sort.utf8)
    var rows = partitions.removeValue(forKey: Array(key.partition.utf8)) ?? []
    let index = index(of: sort, in: rows)
    let isThere = index < rows.count && rows[index].sort == sort
    var item = isThere ? rows[index].item : nil
    body(&item)
    rows.replaceSubrange(index..<(isThere ? index + 1 : index), with: item.map { [Row(sort: sort, item: $0)] } ?? [])
    if !rows.isEmpty { partitions[Array(key.partition.utf8)] = rows }
  }

  /// The place of the first row that is not below `sort`.
  private func index(of sort: [UInt8], in rows: [Row]) -> Int {
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].sort.lexicographicallyPrecedes(sort) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
