package import ConnectionStore
package import Messaging
import Telemetry

extension Connections {
  /// A connection that leaves.
  package struct Leaving {
    package let id: ConnectionID
    /// Topics under which a row may stand, should its own row be gone and not tell.
    let found: [Topic]
    /// As it was read, if it was.
    let record: ConnectionRecord?

    package init(id: ConnectionID, found: [Topic] = [], record: ConnectionRecord? = nil) {
      self.id = id
      self.found = found
      self.record = record
    }

    /// Where rows may stand of a connection whose own row is gone. Who was found under a topic had not come to the end
    /// of its leaving: it may still count as one of all.
    fileprivate var standing: [Topic] { found.isEmpty || found.contains(.everyone) ? found : found + [.everyone] }
  }

  /// A connection that has left, as its row said.
  package struct Departed {
    package let record: ConnectionRecord
    /// False: another process had made its row a tombstone before.
    package let isFirst: Bool

    /// Its credential had ended: that is why it was told to go, whatever the gateway says.
    package func isExpired(atMilliseconds now: Int64) -> Bool { record.untilMilliseconds.map { $0 <= now } ?? false }
  }

  /// Makes the connection's row a tombstone, then deletes its listener rows: one write and one batch. If it was the
  /// last of its user, that is recorded.
  ///
  /// May be repeated, also by another process. `found` names topics under which a row may stand, in case the
  /// connection's own row is gone and does not tell: then nil is answered.
  @discardableResult
  package func disconnect(id: ConnectionID, found: [Topic] = []) throws(TableError) -> Departed? {
    try disconnect([Leaving(id: id, found: found)]).first
  }

  /// The same of several, each once: one transaction for those whose rows were read, and one batch for the listener rows of all.
  /// Answers those that had a row.
  @discardableResult
  package func disconnect(_ leaving: [Leaving]) throws(TableError) -> [Departed] {
    let buried = try buryTogether(leaving.compactMap(\.record))
    var rows: [BatchWrite] = []
    var users: [String] = []
    var departed: [Departed] = []
    for one in leaving {
      let isBuried = buried.contains(one.id)
      let left = isBuried ? one.record.map { Departed(record: $0, isFirst: true) } : try bury(one.id)
      if let left { departed.append(left) }
      let record = left?.record
      rows += (record?.topics ?? one.standing).map { .delete(ListenerRow.key($0, id: one.id, shards: shards)) }
      if let user = record?.principal.user, !users.contains(user) { users.append(user) }
    }
    if !rows.isEmpty {
      try table.writeBatch(rows)
      for user in users { try recordLeft(user) }
    }
    return departed
  }

  /// Makes the connection's row a tombstone; answers what it said, nil if there was none.
  private func bury(_ id: ConnectionID) throws(TableError) -> Departed? {
    let change = ConnectionRow.leaving(at: clock.seconds)
    let item = try table.update(ConnectionRow.key(id: id), change: change, if: .always)
    return ConnectionRecord(item, id: id).map { Departed(record: $0, isFirst: ConnectionRow.isFirstTombstone(item)) }
  }

  /// Makes the rows of several tombstones, but for those that have changed since they were read; answers whose.
  private func buryTogether(_ records: [ConnectionRecord]) throws(TableError) -> Set<ConnectionID> {
    var rest = records.count > 1 ? records.prefix(Self.transactionItems) : []
    while !rest.isEmpty {
      do {
        try table.transact(
          rest.map {
            .update(
              ConnectionRow.key(id: $0.id), ConnectionRow.leavingKnown(at: clock.seconds),
              if: ConnectionRow.isUnchanged(revision: $0.revision))
          })
        return Set(rest.map(\.id))
      } catch {
        guard case .transactionFailed(let offsets) = error.code, !offsets.isEmpty else { throw error }
        rest = rest.enumerated().filter { !offsets.contains($0.offset) }.map(\.element)[...]
      }
    }
    return []
  }

  /// Records that nobody of a user is here any more, neither by a connection nor by a stream over HTTP, if that is so.
  package func recordLeft(_ user: String) throws(TableError) {
    guard try isAway(user) else { return }
    let presence = Presence(table: table, clock: clock)
    let moment = try presence.recordLeft(user)
    // A connection may have come between the reading and the write, and found nothing to withdraw.
    if try !isAway(user) { try presence.withdraw(user, leftAt: moment) }
  }

  private func isAway(_ user: String) throws(TableError) -> Bool {
    guard try connections(of: user).isEmpty else { return false }
    return try eventStreams().streams(of: user).isEmpty
  }
}
