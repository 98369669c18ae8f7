package import ConnectionStore

/// Does every transaction and every update twice and answers what the second time said, as a backend does that lost the
/// first answer.
package final class RepeatingTable: Table {
  private let table: any Table
  package private(set) var transactions = 0

  package init(_ table: any Table) { self.table = table }

  package func get(_ key: ItemKey, _ consistency: Consistency) throws(TableError) -> Item? {
    try table.get(key, consistency)
  }

  package func put(_ item: Item, if condition: Condition) throws(TableError) { try table.put(item, if: condition) }

  package func update(_ key: ItemKey, _ change: Change, if condition: Condition) throws(TableError) -> Item {
    try table.update(key, change, if: condition)
    return try table.update(key, change, if: condition)
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try table.delete(key, if: condition)
  }

  package func query(_ query: Query) throws(TableError) -> Page { try table.query(query) }

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) { try table.writeBatch(writes) }

  package func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    transactions += 1
    try table.transact(writes, durability: durability)
    try table.transact(writes, durability: durability)
  }
}
