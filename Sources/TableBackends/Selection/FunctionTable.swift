package import ConnectionStore
package import Telemetry

/// The table of a function: the one that its environment names, whose calls end before the invocation does.
///
///     let store = try FunctionTable(environment: environment)
///     return Disconnect(connections: Connections(table: store.table, shards: store.shards)).afterReporting {
///       store.beginInvocation(deadlineMilliseconds: $0.deadlineMilliseconds)
///     }
package struct FunctionTable {
  package let table: any Table
  /// Into how many rows each what is listened to is split.
  package let shards: Int
  private let deadline = CallDeadline()
  private let clock: Clock

  package init(environment: Environment, clock: Clock = .system) throws(TableError) {
    table = try TableSelection.open(environment: environment, clock: clock, deadline: deadline)
    shards = try TableSelection.listenerShards(environment: environment)
    self.clock = clock
  }

  /// `deadlineMilliseconds`: since the epoch, the invocation's.
  package func beginInvocation(deadlineMilliseconds: Int64) {
    deadline.set(milliseconds: deadlineMilliseconds, now: clock.milliseconds())
  }
}
