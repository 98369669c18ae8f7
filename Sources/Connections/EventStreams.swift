package import ConnectionStore
import Messaging
package import Telemetry

/// The open streams of users over HTTP, whichever environment holds them.
///
/// For example: `u-1` has ten streams and opens another. Its row is written, then all rows of the user are read: eleven. The
/// oldest row is deleted; whoever holds that stream finds it gone within five seconds, and ends it.
package struct EventStreams {
  let table: any Table
  let shards: Int
  let clock: Clock

  package init(table: any Table, shards: Int = 1, clock: Clock = .system) {
    self.table = table
    self.shards = shards
    self.clock = clock
  }

  /// False: another stream bears that name.
  package func open(_ row: EventStreamRow) throws(TableError) -> Bool {
    do {
      try table.put(row.item(shards: shards), if: .absent)
      return true
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
  }

  /// It is open still. False: it had to go for another one.
  package func renew(user: String, clientID: String) throws(TableError) -> Bool {
    do {
      try table.update(
        EventStreamRow.key(user: user, clientID: clientID, shards: shards),
        change: EventStreamRow.renewal(atMilliseconds: clock.milliseconds()), if: .exists)
      return true
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
  }

  /// Whether it has not had to go for another one.
  package func isOpen(user: String, clientID: String) throws(TableError) -> Bool {
    try table.get(EventStreamRow.key(user: user, clientID: clientID, shards: shards), consistency: .strong) != nil
  }

  package func close(user: String, clientID: String) throws(TableError) {
    try table.delete(EventStreamRow.key(user: user, clientID: clientID, shards: shards), if: .always)
  }

  /// Those of a user that count, the oldest first.
  package func streams(of user: String) throws(TableError) -> [EventStreamRow] {
    let now = clock.milliseconds()
    let partition = EventStreamRow.partition(shard: Shard.index(ofText: user, count: shards))
    let items = try table.items(of: Query(partition: partition, sort: .prefix(EventStreamRow.sortPrefix(user: user))))
    return items.compactMap(EventStreamRow.init).filter { !$0.isStale(atMilliseconds: now) }
      .sorted { ($0.openedMilliseconds, $0.clientID) < ($1.openedMilliseconds, $1.clientID) }
  }

  /// Those of all users that count; rows that do not are deleted.
  package func sweep() throws(TableError) -> [EventStreamRow] {
    let now = clock.milliseconds()
    var open: [EventStreamRow] = []
    var dead: [BatchWrite] = []
    for shard in 0..<shards {
      for item in try table.items(of: Query(partition: EventStreamRow.partition(shard: shard))) {
        if let row = EventStreamRow(item), !row.isStale(atMilliseconds: now) {
          open.append(row)
        } else {
          dead.append(.delete(item.key))
        }
      }
    }
    if !dead.isEmpty { try table.writeBatch(dead) }
    return open
  }
}

extension Connections {
  /// The streams of users over HTTP, in the same table.
  package var eventStreams: EventStreams { EventStreams(table: table, shards: shards, clock: clock) }

  /// What makes a name that is taken another one.
  package func nextSuffix() -> String { String(randomness.next() % 10_000) }
}
