package import ConnectionStore
import Messaging
package import Telemetry

/// When the last client of a user was seen: what is kept for the user lapses some minutes later.
///
/// A `$disconnect` that is lost leaves no word until an event or a ping finds the connection gone. Of a user who was never
/// there nothing is written while events come: the first client finds what is too old by then.
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
  /// `logBeganAt`: when the log of the user's stream was begun; nil: there is none.
  package func lapse(
    _ user: String, connectedAtMilliseconds connectedAt: Int64, logBeganAtMilliseconds logBeganAt: Int64?,
    keptSeconds: Int64
  ) throws(TableError) -> Lapse {
    for _ in 0..<Self.attempts {
      guard let row = try table.get(PresenceRow.key(user: user), consistency: .strong).map(PresenceRow.init) else {
        // Nothing is older than what is kept: nearly always, and nothing is asked or written.
        guard let logBeganAt, logBeganAt < connectedAt - keptSeconds * 1000 else { break }
        if let lapse = try firstLapse(
          user, connectedAtMilliseconds: connectedAt, logBeganAtMilliseconds: logBeganAt, keptSeconds: keptSeconds)
        {
          return lapse
        }
        continue
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

  /// Before which moment events have lapsed for whoever only reads them: nobody of the user is taken to be here by that, and
  /// nothing is written. `logBeganAt`: as for `lapse`.
  package func lapsedMilliseconds(
    _ user: String, logBeganAtMilliseconds logBeganAt: Int64?, keptSeconds: Int64
  ) throws(TableError) -> Int64 {
    let now = clock.milliseconds()
    guard let row = try table.get(PresenceRow.key(user: user), consistency: .strong).map(PresenceRow.init) else {
      guard let logBeganAt, logBeganAt < now - keptSeconds * 1000 else { return 0 }
      return try oldestConnectedAt(of: user, or: now) - keptSeconds * 1000
    }
    guard let left = row.leftMilliseconds, now - left > keptSeconds * 1000 else { return row.lapsedMilliseconds }
    return now
  }

  /// When the oldest of a user's clients came, in milliseconds since the epoch, or `moment`, where that is before.
  private func oldestConnectedAt(of user: String, or moment: Int64) throws(TableError) -> Int64 {
    let here = try table.items(of: Query(partition: ListenerRow.partition(.user(user), shard: 0)))
    return here.compactMap(ListenerRow.init).reduce(moment) { min($0, $1.connectedAtMilliseconds) }
  }

  private static let attempts = 8

  /// Of a user of whom nobody has left yet, as far as is known: what was kept for so long before the oldest of its clients
  /// came. It is written, so that what has lapsed does not come back when that client has left. Nil: another client was first.
  ///
  /// For example, with 300 seconds: events came at 0 s and at 500 s, the user's first client at 600 s. The event of 0 s has
  /// lapsed, for it and for every other that comes while it is there, and one that comes to 900 s gets the event of 500 s too.
  private func firstLapse(
    _ user: String, connectedAtMilliseconds connectedAt: Int64, logBeganAtMilliseconds logBeganAt: Int64,
    keptSeconds: Int64
  ) throws(TableError) -> Lapse? {
    let before = try oldestConnectedAt(of: user, or: connectedAt) - keptSeconds * 1000
    do {
      try table.update(
        PresenceRow.key(user: user), change: PresenceRow.present(lapsedMilliseconds: before, nowSeconds: clock.seconds),
        if: .absent)
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return nil
    }
    return Lapse(beforeMilliseconds: before, isNew: logBeganAt < before)
  }

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
