package import ConnectionStore

/// A table between two of whose calls something else happens: another function runs.
package final class InterruptedTable: ForwardingTable {
  private let table: any Table
  private let callIndex: Int
  private let interruption: () throws -> Void
  /// Calls made so far.
  package private(set) var calls = 0
  /// What the interruption threw.
  package private(set) var error: (any Error)?

  /// - Parameter place: the call before which it happens, from 1 on.
  package init(_ table: any Table, before callIndex: Int, _ interruption: @escaping () throws -> Void) {
    self.table = table
    self.callIndex = callIndex
    self.interruption = interruption
  }

  /// Whether there were so many calls.
  package var isInterrupted: Bool { calls >= callIndex }

  /// Has it happen now if there were not so many calls, and throws what it threw.
  package func finish() throws {
    if !isInterrupted { try interruption() }
    if let error { throw error }
  }

  package func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    calls += 1
    if calls == callIndex {
      do { try interruption() } catch { self.error = error }
    }
    return try body(table)
  }
}
