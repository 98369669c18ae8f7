package import ConnectionStore

/// A table between two of whose calls something else happens: another function runs.
package final class InterruptedTable: Table {
  private let table: any Table
  private let place: Int
  private let interruption: () throws -> Void
  private var calls = 0
  /// What the interruption threw.
  package private(set) var error: (any Error)?

  /// - Parameter place: the call before which it happens, from 1 on.
  package init(_ table: any Table, before place: Int, _ interruption: @escaping () throws -> Void) {
    self.table = table
    self.place = place
    self.interruption = interruption
  }

  /// Whether there were so many calls.
  package var isInterrupted: Bool { calls >= place }

  private func reached() -> any Table {
    calls += 1
    if calls == place {
      do { try interruption() } catch { self.error = error }
    }
    return table
  }

  package func get(_ key: ItemKey, _ consistency: Consistency) throws(TableError) -> Item? {
    try reached().get(key, consistency)
  }

  package func put(_ item: Item, if condition: Condition) throws(TableError) { try reached().put(item, if: condition) }

  package func update(_ key: ItemKey, _ change: Change, if condition: Condition) throws(TableError) -> Item {
    try reached().update(key, change, if: condition)
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try reached().delete(key, if: condition)
  }

  package func query(_ query: Query) throws(TableError) -> Page { try reached().query(query) }

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) { try reached().writeBatch(writes) }

  package func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    try reached().transact(writes, durability: durability)
  }
}
