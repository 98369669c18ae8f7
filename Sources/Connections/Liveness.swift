package import ConnectionStore
import Messaging
import Telemetry

/// When a client was heard last, and what became of the server's pings.
package struct Liveness: Equatable, Sendable {
  /// Milliseconds since the epoch; up to a minute before the last frame, since it is written once a minute at most.
  package let lastActivityMilliseconds: Int64
  /// Pings since then.
  package let unansweredPings: Int64
  package let pingedAtMilliseconds: Int64?
  /// It said `ping` or `pong` once, so it knows them.
  package let hasPonged: Bool

  init(
    lastActivityMilliseconds: Int64, unansweredPings: Int64 = 0, pingedAtMilliseconds: Int64? = nil,
    hasPonged: Bool = false
  ) {
    self.lastActivityMilliseconds = lastActivityMilliseconds
    self.unansweredPings = unansweredPings
    self.pingedAtMilliseconds = pingedAtMilliseconds
    self.hasPonged = hasPonged
  }
}

extension Connections {
  /// All of them, page by page.
  package func list(pageSize: Int) -> ConnectionList {
    ConnectionList(table: table, shards: shards, pageSize: pageSize)
  }

  /// How often a client that talks all the time is written down.
  static let activityMilliseconds: Int64 = 60_000

  /// Its client said something: `isHeartbeat`, a ping or a pong. Written if the last time is a minute ago, or pings were
  /// not answered yet; a row that has left is let be.
  package func recordActivity(of record: ConnectionRecord, isHeartbeat: Bool = false) throws(TableError) {
    let now = clock.milliseconds()
    let liveness = record.liveness
    let isFirstHeartbeat = isHeartbeat && !liveness.hasPonged && !record.dialect.hasPong
    guard
      isFirstHeartbeat || liveness.unansweredPings > 0
        || now - liveness.lastActivityMilliseconds >= Self.activityMilliseconds
    else { return }
    _ = try updateIfAllowed(
      record.id, change: ConnectionRow.active(atMilliseconds: now, isHeartbeat: isFirstHeartbeat),
      if: ConnectionRow.isLive)
  }
}

extension Connections {
  /// Some connections were sent a ping. Those that were heard since they were read, or have left, are let be.
  package func recordPings(of records: [ConnectionRecord]) throws(TableError) {
    let now = clock.milliseconds()
    var rest = records[...]
    while !rest.isEmpty {
      let some = rest.prefix(Self.transactionItems)
      rest = rest.dropFirst(some.count)
      try recordPings(together: Array(some), at: now)
    }
  }

  /// One transaction, again without those whose condition did not hold; of one connection an update, at half the price.
  private func recordPings(together records: [ConnectionRecord], at now: Int64) throws(TableError) {
    var rest = records
    while rest.count > 1 {
      do {
        try table.transact(
          rest.map {
            .update(
              ConnectionRow.key(id: $0.id), ConnectionRow.pinged($0.liveness, atMilliseconds: now),
              if: ConnectionRow.isSilent(since: $0.liveness))
          })
        return
      } catch {
        guard case .transactionFailed(let offsets) = error.code, !offsets.isEmpty else { throw error }
        rest = rest.enumerated().filter { !offsets.contains($0.offset) }.map(\.element)
      }
    }
    guard let last = rest.first else { return }
    _ = try updateIfAllowed(
      last.id, change: ConnectionRow.pinged(last.liveness, atMilliseconds: now),
      if: ConnectionRow.isSilent(since: last.liveness))
  }
}

extension ConnectionRow {
  static func pinged(_ liveness: Liveness, atMilliseconds moment: Int64) -> Change {
    var change = Change()
    change.set = [Attribute.pings: .number(liveness.unansweredPings + 1), Attribute.pingedAt: .number(moment)]
    return change
  }

  /// Nobody has heard of it since it was read.
  static func isSilent(since liveness: Liveness) -> Condition {
    let last = Value.number(liveness.lastActivityMilliseconds)
    return .all([isLive, .any([.equals(Attribute.lastActivity, last), .lacks(Attribute.lastActivity)])])
  }

  static func active(atMilliseconds moment: Int64, isHeartbeat: Bool) -> Change {
    var change = Change()
    change.set[Attribute.lastActivity] = .number(moment)
    if isHeartbeat { change.set[Attribute.pongs] = .number(1) }
    change.remove = [Attribute.pings, Attribute.pingedAt]
    return change
  }
}
