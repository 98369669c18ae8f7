package import ConnectionStore
import Telemetry

// What the lag sender writes.
extension BehindRows {
  /// What became of an attempt: one write, if the row is as it was read. False: another has written it since, as
  /// whoever holds the connection's place does, and what it wrote stands.
  package func write(_ outcome: Missing, of row: Behind, _ stream: String) throws(TableError) -> Bool {
    let writer = randomness.hexadecimal()
    var change = Change()
    change.set = [
      "from": .number(outcome.from), "tries": .number(outcome.failures),
      "due": .number(dueAtMilliseconds(of: outcome)), "by": .string(writer),
    ]
    switch outcome.pace {
    case .ready: change.remove = ["slow", "gone"]
    case .slow: change.remove = ["gone"]
    case .gone: change.set["gone"] = .number(1)
    }
    do {
      try table.update(Keys.behind(stream, row.id), change, if: .equals("by", .string(row.writer)))
      return true
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
    // A backend that lost the answer and tried again is refused by its own write.
    return try self.row(stream, row.id)?.writer == writer
  }

  /// Deletes the row of a connection that has left, and has no other rows any more.
  package func remove(_ row: Behind, _ stream: String) throws(TableError) {
    do {
      try table.delete(Keys.behind(stream, row.id), if: .equals("by", .string(row.writer)))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }
}
