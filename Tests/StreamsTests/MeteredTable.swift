import ConnectionStore

/// A table that counts what DynamoDB would charge for on-demand: requests, items written, write and read request units.
///
/// A write costs a unit for each begun kilobyte of the item, the larger of before and after, twice that in a transaction. A
/// read costs a unit for each begun 4 KB of all items of a request, at least one, half of that if it is eventual.
final class MeteredTable: Table {
  struct Meter: Equatable {
    var requests = 0
    var itemsWritten = 0
    var writeUnits = 0
    /// Halves, so that it is a whole number.
    var halfReadUnits = 0
  }

  private(set) var meter = Meter()
  private let table: any Table

  init(_ table: any Table) { self.table = table }

  /// Counts from here on.
  func reset() { meter = Meter() }

  /// What `body` costs.
  func cost(_ body: () throws -> Void) rethrows -> Meter {
    meter = Meter()
    try body()
    return meter
  }

  func get(_ key: ItemKey, _ consistency: Consistency) throws(TableError) -> Item? {
    meter.requests += 1
    let item = try table.get(key, consistency)
    read(bytes: item?.size ?? 0, consistency)
    return item
  }

  func query(_ query: Query) throws(TableError) -> Page {
    meter.requests += 1
    let page = try table.query(query)
    read(bytes: page.items.reduce(0) { $0 + $1.size }, query.consistency)
    return page
  }

  func put(_ item: Item, if condition: Condition) throws(TableError) {
    try write([item.key], unitsPerKilobyte: 1) { (table) throws(TableError) in try table.put(item, if: condition) }
  }

  func update(_ key: ItemKey, _ change: Change, if condition: Condition) throws(TableError) -> Item {
    try write([key], unitsPerKilobyte: 1) { (table) throws(TableError) in
      try table.update(key, change, if: condition)
    }
  }

  func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try write([key], unitsPerKilobyte: 1) { (table) throws(TableError) in try table.delete(key, if: condition) }
  }

  func writeBatch(_ writes: [BatchWrite]) throws(TableError) {
    try write(writes.map(\.key), unitsPerKilobyte: 1) { (table) throws(TableError) in try table.writeBatch(writes) }
    // DynamoDB takes 25 in one request.
    meter.requests += max(0, (writes.count - 1) / 25)
  }

  func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    try write(writes.map(\.key), unitsPerKilobyte: 2) { (table) throws(TableError) in
      try table.transact(writes, durability: durability)
    }
  }

  private func write<Answer>(
    _ keys: [ItemKey], unitsPerKilobyte: Int, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    let before = try sizes(keys)
    let answer = try body(table)
    let after = try sizes(keys)
    meter.requests += 1
    meter.itemsWritten += keys.count
    for (before, after) in zip(before, after) {
      meter.writeUnits += unitsPerKilobyte * max(1, (max(before, after) + 1023) / 1024)
    }
    return answer
  }

  private func sizes(_ keys: [ItemKey]) throws(TableError) -> [Int] {
    var sizes: [Int] = []
    for key in keys { sizes.append(try table.get(key, .strong)?.size ?? 0) }
    return sizes
  }

  private func read(bytes: Int, _ consistency: Consistency) {
    meter.halfReadUnits += max(1, (bytes + 4095) / 4096) * (consistency == .strong ? 2 : 1)
  }
}
