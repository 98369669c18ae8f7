import ConnectionStore

/// A table that counts what DynamoDB would charge for on-demand: requests, items written, write and read request units.
///
/// A write costs a unit for each begun kilobyte of the item, the larger of before and after, twice that in a
/// transaction. A read costs a unit for each begun 4 KB of all items of a request, at least one, half of that if it is
/// eventual.
final class MeteredTable: ForwardingTable {
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

  func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item? {
    meter.requests += 1
    let item = try table.get(key, consistency: consistency)
    read(bytes: item?.size ?? 0, consistency)
    return item
  }

  func get(_ keys: [ItemKey]) throws(TableError) -> [Item?] {
    // DynamoDB takes a hundred in one request.
    meter.requests += (keys.count + 99) / 100
    let items = try table.get(keys)
    for item in items { read(bytes: item?.size ?? 0, .strong) }
    return items
  }

  func query(_ query: Query) throws(TableError) -> Page {
    meter.requests += 1
    let page = try table.query(query)
    read(bytes: page.items.reduce(0) { $0 + $1.size }, query.consistency)
    return page
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    let before = try sizes(call)
    let answer = try body(table)
    let after = try sizes(call)
    meter.requests += Self.requests(call)
    meter.itemsWritten += after.count
    for (before, after) in zip(before, after) {
      let kilobytes = max(1, (max(before, after) + 1023) / 1024)
      if case .transact = call { meter.writeUnits += 2 * kilobytes } else { meter.writeUnits += kilobytes }
    }
    return answer
  }

  private static func requests(_ call: TableCall) -> Int {
    guard case .writeBatch(let writes) = call else { return 1 }
    // DynamoDB takes 25 in one request.
    return 1 + max(0, (writes.count - 1) / 25)
  }

  /// The sizes of the items that a call may change, as they are now.
  private func sizes(_ call: TableCall) throws(TableError) -> [Int] {
    var sizes: [Int] = []
    for key in call.writtenKeys {
      sizes.append(try table.get(key, consistency: .strong)?.size ?? 0)
    }
    return sizes
  }

  private func read(bytes: Int, _ consistency: Consistency) {
    meter.halfReadUnits += max(1, (bytes + 4095) / 4096) * (consistency == .strong ? 2 : 1)
  }
}
