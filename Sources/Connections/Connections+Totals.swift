package import ConnectionStore
import Telemetry

extension Connections {
  /// Counts all connections, and writes the totals. Nil, with nothing written, if that was not done when the moment came
  /// that `until` names, in milliseconds since the epoch: the totals before it stand, and say how old they are.
  package func count(untilMilliseconds until: Int64) throws(TableError) -> ConnectionTotals? {
    var counter = counter()
    var list = ConnectionList(table: table, shards: shards)
    while let page = try list.next() {
      counter.add(page)
      guard clock.milliseconds() < until else { return nil }
    }
    return try record(counter)
  }

  /// Counts from now on.
  package func counter() -> TotalsCounter { TotalsCounter(startedAtMilliseconds: clock.milliseconds()) }

  /// Writes what was counted.
  package func record(_ counter: TotalsCounter) throws(TableError) -> ConnectionTotals {
    let totals = counter.totals
    do throws(TableError) {
      try table.put(TotalsRow.item(totals), if: TotalsRow.isOlder(than: totals.countedAtMilliseconds))
    } catch {
      // Another sweep began after this one and has ended before it.
      guard case .conditionFailed = error.code else { throw error }
    }
    return totals
  }

  /// As they were counted last; nil: not within the last day.
  package func totals() throws(TableError) -> ConnectionTotals? {
    try table.get(TotalsRow.key, consistency: .eventual).flatMap(ConnectionTotals.init)
  }
}
