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

  /// As long as any log may hold something.
  private static let rowSeconds: Int64 = StreamLimits.longestLogSeconds + 60 * 60

  /// The last client has left. Answers the moment that was recorded, in milliseconds since the epoch.
  package func recordLeft(_ user: String) throws(TableError) -> Int64 {
    let now = clock.milliseconds()
    try update(user) { $0.set["left"] = .number(now) }
    return now
  }

  /// It was not the last one after all.
  package func withdraw(_ user: String, leftAt moment: Int64) throws(TableError) {
    var change = Change()
    change.remove = ["left"]
    do {
      try table.update(Keys.presence(user), change: change, if: .equals("left", .number(moment)))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }

  /// Before which moment events have lapsed for a client that connected at `connectedAt`, in milliseconds since the
  /// epoch.
  package func lapsed(
    _ user: String, connectedAtMilliseconds connectedAt: Int64, keptSeconds: Int64
  ) throws(TableError) -> Int64 {
    guard let row = try table.get(Keys.presence(user), consistency: .strong) else { return 0 }
    let before = row.number("lapsed") ?? 0
    guard let left = row.number("left") else { return before }
    let isLapsed = connectedAt - left > keptSeconds * 1000
    let lapsed = isLapsed ? max(before, connectedAt) : before
    // Somebody is here: what the last one to leave said is no longer so.
    try update(user) { change in
      change.remove = ["left"]
      change.set["lapsed"] = .number(lapsed)
    }
    return lapsed
  }

  private func update(_ user: String, _ make: (inout Change) -> Void) throws(TableError) {
    var change = Change()
    make(&change)
    change.set["v"] = .number(1)
    change.createsItem = true
    change.expires = .at(clock.seconds + Self.rowSeconds)
    change.expiresOnCreation = clock.seconds + Self.rowSeconds
    try table.update(Keys.presence(user), change: change, if: .always)
  }
}

extension Keys {
  static func presence(_ user: String) -> ItemKey { ItemKey(partition: "p#\(PercentEncoding.encode(user))", sort: "p") }
}
