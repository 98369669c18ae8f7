package import ConnectionStore
import Connections
import Messaging
package import Telemetry

/// The newest event of each key of a type: what a snapshot shows.
///
/// Written by the sender before it says how far it sent; a sender that lost its lease without knowing cannot put an
/// older event over a newer one.
package struct LastValues {
  let table: any Table
  let shards: Int
  let clock: Clock

  package init(table: any Table, shards: Int = 1, clock: Clock = .system) {
    self.table = table
    self.shards = shards
    self.clock = clock
  }

  /// Records the newest of each key among events of one stream; events to one user or group and events without a key
  /// have no row.
  package func record(_ events: [LoggedEvent], epoch: String) throws(TableError) {
    var rows: [TransactionWrite] = []
    var seen: Set<ItemKey> = []
    for logged in events.reversed() {
      guard let key = logged.event.key, logged.event.audience == .everyone else { continue }
      let itemKey = LastValueRow.key(type: logged.event.type, key: key, shards: shards)
      guard seen.insert(itemKey).inserted else { continue }
      rows.append(row(logged, itemKey: itemKey, epoch: epoch))
    }
    var start = 0
    while start < rows.count {
      let end = Self.partEnd(rows, from: start)
      try put(Array(rows[start..<end]))
      start = end
    }
  }

  /// A transaction holds 100 writes and 4 MB; an event is at most 96 KB.
  private static func partEnd(_ rows: [TransactionWrite], from start: Int) -> Int { min(start + 32, rows.count) }

  /// All at once; if one is newer already, each by itself.
  private func put(_ rows: [TransactionWrite]) throws(TableError) {
    do {
      try table.transact(rows)
    } catch {
      guard case .transactionFailed = error.code else { throw error }
      for case .put(let item, let condition) in rows { try putAlone(item, condition: condition) }
    }
  }

  private func putAlone(_ item: Item, condition: Condition) throws(TableError) {
    do {
      try table.put(item, if: condition)
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }

  private func row(_ logged: LoggedEvent, itemKey: ItemKey, epoch: String) -> TransactionWrite {
    let item = LastValueRow.item(
      itemKey, logged: logged, epoch: epoch, expires: clock.seconds + LastValueRow.keptSeconds)
    return .put(item, if: LastValueRow.isOlder(than: logged, epoch: epoch))
  }

  // MARK: Reading

  /// The rows of a type, of every key or of one, in this epoch, in the order of their sequence numbers.
  package func read(_ type: String, key: String? = nil, epoch: String) throws(TableError) -> [LoggedEvent] {
    var events: [LoggedEvent] = []
    if let key {
      if let item = try table.get(LastValueRow.key(type: type, key: key, shards: shards), consistency: .strong) {
        try append(item, epoch: epoch, events: &events)
      }
    } else {
      for shard in 0..<shards {
        for item in try table.items(of: Query(partition: LastValueRow.partition(type: type, shard: shard))) {
          try append(item, epoch: epoch, events: &events)
        }
      }
    }
    return events.sorted { $0.sequence < $1.sequence }
  }

  private func append(_ item: Item, epoch: String, events: inout [LoggedEvent]) throws(TableError) {
    let row = LastValueRow(item)
    if row.epoch == epoch { events.append(try row.event()) }
  }
}
