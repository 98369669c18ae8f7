package import ConnectionStore
import Messaging
import Telemetry

extension Connections {
  /// Ends the credential of every connection that an access key opened: nothing more is shown to it, and it is closed
  /// with `expired`, at its next frame or event, or by the next sweep. Answers how many there were. May be repeated.
  ///
  /// The shards of each connection's rows are those it was made with, whatever `shards` says here.
  package func end(openedBy keyHash: String) throws(TableError) -> Int {
    let partition = ListenerRow.partition(.accessKey(keyHash), shard: 0)
    let query = Query(partition: partition, limit: 1_000, consistency: .strong)
    var count = 0
    for item in try table.items(of: query) {
      guard let id = ConnectionID(item.key.sort), try end(id: id) else { continue }
      count += 1
    }
    return count
  }

  /// False: it has left, or had ended before.
  private func end(id: ConnectionID) throws(TableError) -> Bool {
    for _ in 0..<Self.attempts {
      let key = ConnectionRow.key(id: id)
      guard let item = try table.get(key, consistency: .strong), !ConnectionRow.isTombstone(item),
        var record = ConnectionRecord(item, id: id)
      else { return false }
      let now = clock.milliseconds()
      if let until = record.untilMilliseconds, until <= now { return false }
      // Also those that it will not stand under any more.
      let topics = Set(record.topics)
      record.untilMilliseconds = now
      let theirs = Connections(
        table: table, shards: ConnectionRow.shards(of: item), limits: limits, clock: clock, randomness: randomness)
      if try theirs.commit(record: &record, topics: topics.union(record.topics).ordered()) { return true }
    }
    throw TableError(
      code: .contention, operation: "transact", key: ConnectionRow.key(id: id), detail: "\(Self.attempts) attempts")
  }
}
