package import ConnectionStore
import Messaging
import Telemetry

// What a function asks of the table for the streams that it sends: one request for a hundred of them.
extension EventStreams {
  /// Looks at the rows of the streams that this environment sends, and says of those that were not refreshed for ten seconds
  /// that they are being sent. Those that have to end are taken out of `held` and answered, with `endReason`: `limit` or `expired`
  /// as it was said, `lost` where the row is gone since nobody could refresh it for minutes.
  ///
  /// If the table cannot be asked, `held` is as it was: whoever asks again in five seconds loses nothing.
  package func check(_ held: inout [EventStreamRecord]) throws(TableError) -> [EventStreamRecord] {
    let now = clock.milliseconds()
    let isDue = { (record: EventStreamRecord) in now - record.refreshedAtMilliseconds >= Self.refreshMilliseconds }
    let indices = Array(held.indices)
    var ended = try look(at: held, indices: indices.filter { !isDue(held[$0]) })
    var refreshed: [Int] = []
    var rest = indices.filter { isDue(held[$0]) }[...]
    while !rest.isEmpty {
      let some = Array(rest.prefix(Connections.transactionItems))
      rest = rest.dropFirst(some.count)
      let failed = try refresh(held, indices: some, atMilliseconds: now)
      refreshed += some.filter { !failed.contains($0) }
      ended.merge(try look(at: held, indices: failed)) { $1 }
    }
    for index in refreshed { held[index].aliveUntilMilliseconds = now + EventStreamRow.aliveMilliseconds }
    let answer = ended.keys.sorted().map { index in
      var record = held[index]
      record.endReason = ended[index]
      return record
    }
    held = indices.filter { ended[$0] == nil }.map { [held] in held[$0] }
    return answer
  }

  /// Why those have to end that do.
  private func look(at held: [EventStreamRecord], indices: [Int]) throws(TableError) -> [Int: DisconnectReason] {
    guard !indices.isEmpty else { return [:] }
    let items = try table.get(indices.map { held[$0].key(shards: shards) })
    var ended: [Int: DisconnectReason] = [:]
    for (index, item) in zip(indices, items) {
      guard let record = item.flatMap(EventStreamRecord.init) else {
        ended[index] = .lost
        continue
      }
      if let reason = record.endReason { ended[index] = reason }
    }
    return ended
  }

  /// Refreshes the rows of up to a hundred, and answers those that could not be: their rows are gone, or say that they end.
  private func refresh(
    _ held: [EventStreamRecord], indices: [Int], atMilliseconds now: Int64
  ) throws(TableError) -> [Int] {
    let change = EventStreamRow.refreshed(atMilliseconds: now)
    var rest = indices
    var failed: [Int] = []
    while !rest.isEmpty {
      do throws(TableError) {
        if rest.count == 1 {
          // Half the price of a transaction.
          try table.update(held[rest[0]].key(shards: shards), change: change, if: EventStreamRow.isOpen)
        } else {
          try table.transact(
            rest.map { [shards] in .update(held[$0].key(shards: shards), change, if: EventStreamRow.isOpen) })
        }
        return failed
      } catch {
        switch error.code {
        case .conditionFailed: return failed + rest
        case .transactionFailed(let places) where !places.isEmpty:
          failed += places.map { [rest] in rest[$0] }
          rest = rest.enumerated().filter { !places.contains($0.offset) }.map(\.element)
        default: throw error
        }
      }
    }
    return failed
  }
}
