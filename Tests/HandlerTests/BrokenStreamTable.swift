import ConnectionStore
import TestSupport

/// A table on which nothing can be appended to the stream `all/broken`.
final class BrokenStreamTable: ForwardingTable {
  private let table: any Table
  private let code: TableError.Code

  init(_ table: any Table, _ code: TableError.Code = .unavailable) {
    self.table = table
    self.code = code
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    if call.writtenKeys.contains(where: { $0.partition == "s#all%2Fbroken" }) {
      throw TableError(code: code, operation: call.operation)
    }
    return try body(table)
  }
}
