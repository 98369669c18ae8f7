package import ConnectionStore
import Messaging
import Telemetry

// What is asked of all streams there are, whoever sends them.
extension EventStreams {
  /// How long a row stands that counts no longer, so that a stream which has to end learns why.
  static let restMilliseconds: Int64 = 15_000

  /// The rows of all streams, page by page of each shard, also of those that are dead or have to end. `eventual`: the newest
  /// may be missing, at half the price.
  package func each(
    consistency: Consistency = .eventual, _ body: (EventStreamRecord) throws(TableError) -> Void
  ) throws(TableError) {
    var queries = (0..<shards).map {
      Query(partition: EventStreamRow.partition(shard: $0), limit: 1_000, consistency: consistency)
    }
    while !queries.isEmpty {
      let pages = try table.pages(of: queries)
      for page in pages {
        for record in page.items.compactMap(EventStreamRecord.init) { try body(record) }
      }
      queries = zip(queries, pages).compactMap { query, page in
        var query = query
        query.after = page.next
        return page.next == nil ? nil : query
      }
    }
  }

  /// Takes away the rows of streams whose function died without a word, and answers these streams, each once whoever sweeps
  /// beside: so that each end is one line of the log. The rows of those that had to end go too, once they were told.
  package func sweep() throws(TableError) -> [EventStreamRecord] {
    let now = clock.milliseconds()
    var dead: [EventStreamRecord] = []
    try each { (record) throws(TableError) in
      if record.aliveUntilMilliseconds <= now - Self.restMilliseconds { dead.append(record) }
    }
    var lost: [EventStreamRecord] = []
    for var record in dead where try removeUnchanged(record) && record.endReason == nil {
      record.endReason = .lost
      lost.append(record)
    }
    return lost
  }

  /// False: its function is there after all, or another sweep took it away.
  private func removeUnchanged(_ record: EventStreamRecord) throws(TableError) -> Bool {
    do throws(TableError) {
      try table.delete(record.key(shards: shards), if: EventStreamRow.isUnchanged(record))
      return true
    } catch {
      guard case .conditionFailed = error.code else { throw error }
      return false
    }
  }

  /// Has every stream end that an access key opened, which was revoked. Answers how many there were. May be repeated. Who does not
  /// know the number of shards reads as many as there may be: `Shard.maximum`.
  package func end(openedBy keyHash: String) throws(TableError) -> Int {
    var opened: [EventStreamRecord] = []
    try each(consistency: .strong) { (record) throws(TableError) in
      if record.keyHashes.contains(where: { $0.hasSameBytes(as: keyHash) }) { opened.append(record) }
    }
    var count = 0
    for record in opened where try end(record, reason: .expired) { count += 1 }
    return count
  }

  /// How many living streams there are: in all, of each route, of each user.
  package func totals() throws(TableError) -> EventStreamTotals {
    let now = clock.milliseconds()
    var totals = EventStreamTotals()
    try each { (record) throws(TableError) in
      if record.isAlive(atMilliseconds: now) { totals.add(record) }
    }
    return totals
  }
}

/// How many event streams there are.
package struct EventStreamTotals: Equatable, Sendable {
  package private(set) var total = 0
  package private(set) var byRoute: [String: Int] = [:]
  /// The user's bytes are the key, since a `String` takes two spellings of one letter for the same.
  private var ofUsers: [[UInt8]: Int] = [:]

  package init() {}

  package mutating func add(_ record: EventStreamRecord) {
    total += 1
    byRoute[record.route, default: 0] += 1
    if let user = record.user { ofUsers[Array(user.utf8), default: 0] += 1 }
  }

  /// By their names.
  package var byUser: [(user: String, streams: Int)] {
    ofUsers.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
      (String(decoding: $0.key, as: UTF8.self), $0.value)
    }
  }
}
