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

  /// Until when the events of a user have lapsed.
  package struct Lapse: Equatable, Sendable {
    /// Milliseconds since the epoch; 0: none has.
    package let beforeMilliseconds: Int64
    /// They lapsed just now: only one of several clients that come at once is told so.
    package let isNew: Bool
  }

  /// Before which moment events have lapsed for a client that connected at `connectedAt`, in milliseconds since the epoch.
  package func lapse(
    _ user: String, connectedAtMilliseconds connectedAt: Int64, keptSeconds: Int64
  ) throws(TableError) -> Lapse {
    for _ in 0..<Self.attempts {
      guard let row = try table.get(PresenceRow.key(user: user), consistency: .strong).map(PresenceRow.init) else {
        break
      }
      let before = row.lapsedMilliseconds
      guard let left = row.leftMilliseconds else { return Lapse(beforeMilliseconds: before, isNew: false) }
      let isLapsed = connectedAt - left > keptSeconds * 1000
      let lapsed = isLapsed ? max(before, connectedAt) : before
      if try recordPresent(user, leftAt: left, lapsedMilliseconds: lapsed) {
        return Lapse(beforeMilliseconds: lapsed, isNew: isLapsed)
      }
    }
    return Lapse(beforeMilliseconds: 0, isNew: false)
  }

  /// Before which moment events have lapsed for whoever only reads them: nobody of the user is taken to be here by that.
  package func lapsedMilliseconds(_ user: String, keptSeconds: Int64) throws(TableError) -> Int64 {
    guard let row = try table.get(PresenceRow.key(user: user), consistency: .strong).map(PresenceRow.init) else {
      return 0
    }
    let now = clock.milliseconds()
    guard let left = row.leftMilliseconds, now - left > keptSeconds * 1000 else { return row.lapsedMilliseconds }
    return now
  }

  private static let attempts = 8

  /// False: another client came, or left, meanwhile.
  private func recordPresent(
    _ user: String, leftAt left: Int64, lapsedMilliseconds lapsed: Int64
  ) throws(TableError) -> Bool {
    do {
      try table.update(
        PresenceRow.key(user: user), change: PresenceRow.present(lapsedMilliseconds: lapsed, nowSeconds: clock.seconds),
        if: PresenceRow.isLeft(atMilliseconds: left))
      return true
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
  }
}
