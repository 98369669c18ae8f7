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
  static let term = LeaseTerm(milliseconds: leaseMilliseconds)

  package init(table: any Table, clock: Clock = .system, randomness: Randomness = .system) {
    self.table = table
    self.clock = clock
    self.randomness = randomness
  }

  /// Nil: another process has it.
  package func acquire(stream: String) throws(TableError) -> LagLease? {
    let holder = randomness.hexadecimal()
    let now = clock.milliseconds()
    let free = Self.term.isFree(at: now)
    let item = try Self.term.acquire(LagLeaseRow.key(stream: stream), holder: holder, at: now, in: table, if: free)
    return item.map { _ in LagLease(stream: stream, holder: holder, endMilliseconds: now + Self.leaseMilliseconds) }
  }

  /// Prolongs it if half of it is over. False: another has taken it.
  package func keep(_ lease: inout LagLease) throws(TableError) -> Bool {
    let now = clock.milliseconds()
    guard lease.endMilliseconds - now < Self.leaseMilliseconds / 2 else { return true }
    do {
      try table.update(
        LagLeaseRow.key(stream: lease.stream), change: Self.term.holding(lease.holder, at: now),
        if: LeaseTerm.hasHolder(lease.holder))
    } catch {
      guard error.code == .conditionFailed else { throw error }
      return false
    }
    lease.endMilliseconds = now + Self.leaseMilliseconds
    return true
  }

  package func release(_ lease: LagLease) throws(TableError) {
    do {
      try table.update(
        LagLeaseRow.key(stream: lease.stream), change: LagLeaseRow.released(), if: LeaseTerm.hasHolder(lease.holder))
    } catch {
      guard error.code == .conditionFailed else { throw error }
    }
  }

  /// Whether a process has the lease now.
  package func isLeased(stream: String) throws(TableError) -> Bool {
    Self.term.isLeased(
      try table.get(LagLeaseRow.key(stream: stream), consistency: .strong), at: clock.milliseconds())
  }
}

/// The right to serve the slow connections of a stream.
package struct LagLease: Equatable, Sendable {
  let stream: String
  let holder: String
  /// Milliseconds since the epoch.
  fileprivate(set) var endMilliseconds: Int64
}
