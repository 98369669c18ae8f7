package import ConnectionStore

/// A table whose n-th call fails as `.unavailable`, and only that one.
package final class FailingTable: ForwardingTable {
  /// What has become of the failed call.
  package enum Moment: String, CaseIterable, Sendable {
    /// It never reached the table.
    case before
    /// The first half of a batch was written; any other call never reached the table.
    case halfway
    /// It was done and its answer was lost.
    case after
  }

  private let table: any Table
  private let failing: Int
  private let moment: Moment
  /// Calls made so far.
  package private(set) var calls = 0

  /// - Parameter failing: the place of the call that fails, from 1 on; 0: none does.
  package init(_ table: any Table, failing: Int, _ moment: Moment = .before) {
    self.table = table
    self.failing = failing
    self.moment = moment
  }

  /// Whether the call that had to fail was made.
  package var hasFailed: Bool { failing > 0 && calls >= failing }

  package func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    calls += 1
    guard calls == failing else { return try body(table) }
    switch moment {
    case .before: break
    case .halfway:
      if case .writeBatch(let writes) = call {
        let half = Array(writes.prefix(writes.count / 2))
        try table.writeBatch(half)
      }
    case .after: _ = try body(table)
    }
    throw TableError(
      code: .unavailable, operation: call.operation, key: call.key, detail: "call \(calls) fails, \(moment)")
  }
}

/// Runs `operation` on a fresh table with its first call failing, then its second, and so on until it makes no call
/// that could fail, each in all three moments; after each run `check` looks at the table, told how the operation ended.
///
/// Answers the most calls a run made, so that a test can say that something was tried.
@discardableResult
package func failEachCall(
  over table: () throws -> any Table, _ operation: (any Table) throws -> Void,
  check: (_ table: any Table, _ error: (any Error)?, _ run: String) throws -> Void
) throws -> Int {
  var most = 0
  for moment in FailingTable.Moment.allCases {
    for callIndex in 1... {
      precondition(callIndex < 10_000, "the operation never ends without a failure")
      let inner = try table()
      let failing = FailingTable(inner, failing: callIndex, moment)
      var thrown: (any Error)?
      do { try operation(failing) } catch { thrown = error }
      most = max(most, failing.calls)
      try check(inner, thrown, "call \(callIndex) fails, \(moment)")
      if !failing.hasFailed { break }
    }
  }
  return most
}
