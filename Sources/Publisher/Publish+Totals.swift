import ConnectionStore
import Connections
import Delivery
import LambdaRuntime
import Telemetry

// How many connections there are: counted by the sweep, since nothing else comes by each minute.
extension Publish {
  /// So much of a sweep goes to counting. A hundred thousand rows are some 17 MB.
  private static var countingMilliseconds: Int64 { 10_000 }
  /// With less time left none are counted.
  private static var countingReserveMilliseconds: Int64 { 2_000 }

  /// What is not counted in time is counted by the next sweep; until then the totals say how old they are.
  mutating func countConnections(context: InvocationContext, log: Log) {
    let now = clock.milliseconds()
    let until = min(now + Self.countingMilliseconds, context.deadlineMilliseconds - Self.countingReserveMilliseconds)
    do throws(TableError) {
      guard now < until, let totals = try streams.connections.count(untilMilliseconds: until) else {
        return log.warn("connections not counted: no time for all of them")
      }
      record(totals)
      log.debug("connections counted", ["connections": .number(Int64(totals.total))])
    } catch {
      log.error("connections not counted", ["reason": .text(error.description)])
    }
  }

  private mutating func record(_ totals: ConnectionTotals) {
    metrics?.record("Connections", value: Double(totals.total), unit: .count)
    metrics?.record("Users", value: Double(totals.users), unit: .count)
    for one in totals.byRole {
      metrics?.record("Connections", value: Double(one.connections), unit: .count, of: ("Role", one.name))
    }
  }
}
