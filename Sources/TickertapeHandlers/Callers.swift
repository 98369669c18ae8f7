public import ConnectionStore
import Connections
public import Messaging
package import Telemetry

/// Who stands behind a connection: what ConnectHandler found when it let the client in.
///
///     let callers = Callers(table: try TableSelection.open())
///     let principal = try callers.principal(of: event.context.connectionID)
///     // Principal(user: "u-1", role: .analyst, groups: ["desk-7"])
///
/// A message itself does not say it: what a client writes into its frames proves nothing.
public struct Callers {
  private let connections: Connections
  private let clock: Clock

  /// `table` is the one that ConnectHandler writes to, as `TableSelection.open()` finds it.
  public init(table: any Table) { self.init(table: table, clock: .system) }

  package init(table: any Table, clock: Clock) {
    connections = Connections(table: table, clock: clock)
    self.clock = clock
  }

  /// One read. Nil: the connection has left, or what it came in with (a key, a token) has expired since, or no
  /// ConnectHandler let it in.
  public func principal(of id: ConnectionID) throws(TableError) -> Principal? {
    guard let record = try connections.connection(id: id) else { return nil }
    if let until = record.untilMilliseconds, until <= clock.milliseconds() { return nil }
    return record.principal
  }
}
