package import ConnectionStore
import Messaging
package import Telemetry

/// When the last client of a user was seen: what is kept for the user lapses some minutes later.
///
/// A `$disconnect` that is lost leaves no word; then what is kept stays as long as the log does.
package struct Presence {
  let table: any Table
  let clock: Clock

  package init(table: any Table, clock: Clock) {
    self.table = table
    self.clock = clock
  }

  /// The last client has left. Answers the moment that was recorded, in milliseconds since the epoch.
  package func recordLeft(_ user: String) throws(TableError) -> Int64 {
    let now = clock.milliseconds()
    try table.update(
      PresenceRow.key(user: user), change: PresenceRow.left(atMilliseconds: now, nowSeconds: clock.seconds), if: .always
    )
    return now
  }

  /// It was not the last one after all.
  package func withdraw(_ user: String, leftAt moment: Int64) throws(TableError) {
    do {
      try table.update(
        PresenceRow.key(user: user), change: PresenceRow.withdrawn(), if: PresenceRow.isLeft(atMilliseconds: moment))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }

  /// Before which moment events have lapsed for a client that connected at `connectedAt`, in milliseconds since the
  /// epoch.
  package func lapsed(
    _ user: String, connectedAtMilliseconds connectedAt: Int64, keptSeconds: Int64
  ) throws(TableError) -> Int64 {
    guard let row = try table.get(PresenceRow.key(user: user), consistency: .strong).map(PresenceRow.init) else {
      return 0
    }
    let before = row.lapsedMilliseconds
    guard let left = row.leftMilliseconds else { return before }
    let isLapsed = connectedAt - left > keptSeconds * 1000
    let lapsed = isLapsed ? max(before, connectedAt) : before
    try table.update(
      PresenceRow.key(user: user), change: PresenceRow.present(lapsedMilliseconds: lapsed, nowSeconds: clock.seconds),
      if: .always)
    return lapsed
  }
}
