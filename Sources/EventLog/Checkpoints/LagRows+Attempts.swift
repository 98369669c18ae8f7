package import ConnectionStore
import Connections
package import Messaging
import Telemetry

// What the lag sender writes.
extension LagRows {
  /// Writes the outcome of attempts to each row that is as it was read. Returns the connections whose rows were written
  /// since, as a delivery pause does; those rows stay as they are.
  package func write(
    _ outcomes: [(row: LaggingConnection, outcome: Lag)], stream: String
  ) throws(TableError) -> Set<ConnectionID> {
    var refused: Set<ConnectionID> = []
    var rest = outcomes.map { (row: $0.row, change: change($0.outcome)) }
    while !rest.isEmpty {
      let some = rest.prefix(Self.writtenTogether)
      do {
        try write(Array(some), stream: stream)
        rest = Array(rest.dropFirst(some.count))
      } catch {
        let indices: [Int]
        switch error.code {
        case .conditionFailed: indices = [0]
        case .transactionFailed(let failed): indices = failed
        default: throw error
        }
        for index in indices where try !isWritten(rest[index], stream: stream) { refused.insert(rest[index].row.id) }
        rest = rest.enumerated().filter { !indices.contains($0.offset) }.map(\.element)
      }
    }
    return refused
  }

  /// So few that a transaction keeps nobody for long.
  private static let writtenTogether = 16

  private func write(_ some: [(row: LaggingConnection, change: Change)], stream: String) throws(TableError) {
    let writes = some.map {
      ($0.change, LagRow.key(stream: stream, id: $0.row.id), LagRow.isWritten(by: $0.row.writer))
    }
    // At half the price of a transaction.
    if writes.count == 1 { return _ = try table.update(writes[0].1, change: writes[0].0, if: writes[0].2) }
    try table.transact(writes.map { .update($0.1, $0.0, if: $0.2) })
  }

  /// A backend that lost the answer and tried again is refused by its own write.
  private func isWritten(_ one: (row: LaggingConnection, change: Change), stream: String) throws(TableError) -> Bool {
    try row(stream: stream, id: one.row.id).map { LagRow.isWritten($0, by: one.change.set) } ?? false
  }

  private func change(_ outcome: Lag) -> Change {
    LagRow.change(outcome, dueAtMilliseconds: dueAtMilliseconds(of: outcome), writer: randomness.hexadecimal())
  }

  /// Deletes the rows of connections that have left and have no other rows any more, except rows that were written since.
  package func remove(_ rows: [LaggingConnection], stream: String) throws(TableError) {
    var rest = rows
    while !rest.isEmpty {
      do {
        try table.transact(
          rest.map { .delete(LagRow.key(stream: stream, id: $0.id), if: LagRow.isWritten(by: $0.writer)) })
        return
      } catch {
        guard case .transactionFailed(let indices) = error.code else { throw error }
        rest = rest.enumerated().filter { !indices.contains($0.offset) }.map(\.element)
      }
    }
  }
}
