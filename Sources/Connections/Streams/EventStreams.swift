package import ConnectionStore
import Messaging
package import Telemetry

/// The open event streams: who reads events over HTTP.
///
///     let streams = EventStreams(table: table, shards: shards)
///     var held = [try streams.register(EventStreamRecord(route: "orders", user: "u-1", role: .viewer, …))]
///     // Each five seconds (`EventStreams.checkMilliseconds`), of all streams that this environment sends, together:
///     for ended in try streams.check(&held) { ended.endReason }          // tell its client why, and close it
///     // When a stream has ended, for whatever reason but a check's:
///     try streams.remove(held[0])
///
/// The runtime never learns that a client has left, and a function may die: so a row counts for 25 seconds after it was
/// refreshed, and whoever wants a stream to end says so in its row, where its function looks each five seconds.
package struct EventStreams {
  let table: any Table
  let clock: Clock
  let randomness: Randomness
  package let shards: Int

  /// How often a function looks at the rows of the streams that it sends.
  package static let checkMilliseconds: Int64 = 5_000
  /// A row is refreshed when it is so old; else looking at it is enough, which costs a fifth.
  static let refreshMilliseconds: Int64 = 10_000
  /// How often another millisecond is tried for a stream whose own is taken.
  static let attempts = 24

  /// `shards`: `LISTENER_SHARDS`, the same wherever the table is used.
  package init(table: any Table, shards: Int = 1, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.shards = shards
    self.clock = clock
    self.randomness = randomness
  }

  /// Writes the row of a stream that is being opened, and answers it with the name that is its own: one write, more if
  /// another stream of the user and the route was opened in the same millisecond.
  package func register(_ record: EventStreamRecord) throws(TableError) -> EventStreamRecord {
    var record = record
    let writer = randomness.hexadecimal()
    for attempt in 0..<Self.attempts {
      let item = EventStreamRow.item(record, writer: writer, shards: shards)
      do throws(TableError) {
        try table.put(item, if: .absent)
        record.storedKey = item.key
        return record
      } catch {
        guard case .conditionFailed = error.code else { throw error }
        // Its own row stands there if the answer of a first attempt was lost.
        if EventStreamRow.isWritten(try table.get(item.key, consistency: .strong), by: writer) {
          record.storedKey = item.key
          return record
        }
        // Of many that come at once each is to find a free one soon.
        record.openedAtMilliseconds += Int64(randomness.integer(in: 1...(4 << min(attempt, 10))))
      }
    }
    throw TableError(
      code: .contention, operation: "put", key: record.key(shards: shards), detail: "\(Self.attempts) attempts")
  }

  /// A stream has ended. May be repeated.
  package func remove(_ record: EventStreamRecord) throws(TableError) {
    try table.delete(record.key(shards: shards), if: .always)
  }

  /// Has a stream end, whoever sends it: its function sees it within five seconds. False: it had ended before.
  package func end(_ record: EventStreamRecord, reason: DisconnectReason) throws(TableError) -> Bool {
    do throws(TableError) {
      let change = EventStreamRow.ended(reason, atMilliseconds: clock.milliseconds())
      try table.update(record.key(shards: shards), change: change, if: EventStreamRow.isOpen)
      return true
    } catch {
      guard case .conditionFailed = error.code else { throw error }
      return false
    }
  }

  /// The living streams of a user: everything that was written before is seen.
  package func streams(of user: String) throws(TableError) -> [EventStreamRecord] {
    let now = clock.milliseconds()
    return try table.items(of: EventStreamRow.query(user: user, shards: shards)).compactMap(EventStreamRecord.init)
      .filter { $0.isAlive(atMilliseconds: now) }
  }
}

extension Connections {
  /// The event streams of the same table. `shards`: nil, as many as the listeners have.
  package func eventStreams(shards: Int? = nil) -> EventStreams {
    EventStreams(table: table, shards: shards ?? self.shards, clock: clock, randomness: randomness)
  }
}
