package import ConnectionStore
import Connections
package import Telemetry

/// The lease under which one process at a time serves the slow connections of a stream, beside the stream's own lease.
///
/// A process that finds it taken has written its lag row before it asked. The holder releases the lease first and reads the
/// rows afterwards, so it sees that row. `Docs/decisions/0008-lagging-clients.md`.
package struct LagLeases {
  let table: any Table
  let clock: Clock
  let randomness: Randomness

  /// Longer than the longest attempt, so that a holder that checks before each one has it to the end.
  package static let leaseMilliseconds: Int64 = 30_000

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// Nil: another process has it.
  package func acquire(stream: String) throws(TableError) -> LagLease? {
    let holder = randomness.hexadecimal()
    let now = clock.milliseconds()
    var change = change(holder)
    change.createsItem = true
    change.expiresOnCreation = clock.seconds + Checkpoints.keptSeconds
    let free = Condition.any([
      .lacks("holder"), .less("end", .number(now)), .greater("end", .number(now + 2 * Self.leaseMilliseconds)),
    ])
    do {
      try table.update(Keys.lagLease(stream: stream), change: change, if: free)
      return LagLease(stream: stream, holder: holder, endMilliseconds: now + Self.leaseMilliseconds)
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
    // A backend that lost the answer and tried again is refused by its own write.
    let current = try table.get(Keys.lagLease(stream: stream), consistency: .strong)
    return current?.string("holder") == holder
      ? LagLease(stream: stream, holder: holder, endMilliseconds: now + Self.leaseMilliseconds) : nil
  }

  /// Prolongs it if half of it is over. False: another has taken it.
  package func keep(_ lease: inout LagLease) throws(TableError) -> Bool {
    let now = clock.milliseconds()
    guard lease.endMilliseconds - now < Self.leaseMilliseconds / 2 else { return true }
    do {
      try table.update(
        Keys.lagLease(stream: lease.stream), change: change(lease.holder), if: .equals("holder", .string(lease.holder)))
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
    lease.endMilliseconds = now + Self.leaseMilliseconds
    return true
  }

  package func release(_ lease: LagLease) throws(TableError) {
    var change = Change()
    change.remove = ["holder", "end"]
    do {
      try table.update(
        Keys.lagLease(stream: lease.stream), change: change, if: .equals("holder", .string(lease.holder)))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }

  /// Whether a process has the lease now.
  package func isLeased(stream: String) throws(TableError) -> Bool {
    Self.isLeased(try table.get(Keys.lagLease(stream: stream), consistency: .strong), at: clock.milliseconds())
  }

  /// Whether the lease's row, if there is one, says that a process has it.
  static func isLeased(_ item: Item?, at now: Int64) -> Bool {
    item?.string("holder") != nil && (now...now + 2 * leaseMilliseconds).contains(item?.number("end") ?? 0)
  }

  private func change(_ holder: String) -> Change {
    var change = Change()
    change.set = [
      "v": .number(1), "holder": .string(holder), "end": .number(clock.milliseconds() + Self.leaseMilliseconds),
    ]
    change.expires = .at(clock.seconds + Checkpoints.keptSeconds)
    return change
  }
}

/// The right to serve the slow connections of a stream.
package struct LagLease: Equatable, Sendable {
  let stream: String
  let holder: String
  /// Milliseconds since the epoch.
  fileprivate(set) var endMilliseconds: Int64
}
