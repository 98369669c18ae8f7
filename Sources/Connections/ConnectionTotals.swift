import Messaging

/// How many connections there are, as they were counted at one moment.
package struct ConnectionTotals: Equatable, Sendable {
  package struct Count: Equatable, Sendable {
    package let name: String
    package let connections: Int
  }

  /// When counting began, in milliseconds since the epoch.
  package let countedAtMilliseconds: Int64
  /// Those that have a row. One whose `$disconnect` was lost is among them until an event or a ping finds it gone.
  package let total: Int
  /// Those of them whose credential has not ended.
  package let active: Int
  /// Of each role, also of one that nobody has, and of none (`noRole`).
  package let byRole: [Count]
  /// How many different users they are of.
  package let users: Int
  /// There are more users than are told apart.
  package let isCut: Bool
  /// The users with the most connections, at most `mostCount`.
  package let most: [Count]

  /// What connections of no known role are counted under.
  package static let noRole = "none"
  package static let mostCount = 100
}

/// Counts the connections page by page: what it keeps is bounded by the users that it tells apart.
package struct TotalsCounter {
  private var total = 0
  private var active = 0
  private var byRole: [Role: Int] = [:]
  private var connectionsOf: [[UInt8]: Int] = [:]
  private var isCut = false
  private let startedAt: Int64
  private let maximumUsers: Int

  init(startedAtMilliseconds: Int64, maximumUsers: Int = 100_000) {
    startedAt = startedAtMilliseconds
    self.maximumUsers = maximumUsers
  }

  package mutating func add(_ rows: [ListenerRow]) {
    for row in rows {
      total += 1
      if row.untilMilliseconds ?? .max > startedAt { active += 1 }
      if let role = row.role { byRole[role, default: 0] += 1 }
      if let user = row.user { add(user: user) }
    }
  }

  private mutating func add(user: String) {
    let name = Array(user.utf8)
    if connectionsOf[name] == nil, connectionsOf.count >= maximumUsers {
      isCut = true
    } else {
      connectionsOf[name, default: 0] += 1
    }
  }

  var totals: ConnectionTotals {
    let known = Role.allCases.map { ConnectionTotals.Count(name: $0.rawValue, connections: byRole[$0] ?? 0) }
    let none = total - known.reduce(0) { $0 + $1.connections }
    return ConnectionTotals(
      countedAtMilliseconds: startedAt, total: total, active: active,
      byRole: known + [ConnectionTotals.Count(name: ConnectionTotals.noRole, connections: none)],
      users: connectionsOf.count, isCut: isCut, most: most)
  }

  /// By how many they have, then by name.
  private var most: [ConnectionTotals.Count] {
    connectionsOf.sorted { left, right in
      left.value == right.value ? left.key.lexicographicallyPrecedes(right.key) : left.value > right.value
    }
    .prefix(ConnectionTotals.mostCount).map {
      ConnectionTotals.Count(name: String(decoding: $0.key, as: UTF8.self), connections: $0.value)
    }
  }
}
