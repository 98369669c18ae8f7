import ConnectionStore
import Connections
import Delivery
import LambdaRuntime
import Telemetry

// Who is there: the sweep reads the list of all connections once, since nothing else comes by each minute, counts them and
// pings those that say nothing.
extension Publish {
  /// So much of a sweep goes to reading them. A hundred thousand rows are some 17 MB.
  private static var countingMilliseconds: Int64 { 10_000 }

  /// Last, with the time that the streams leave. Who is not counted in time is counted by the next sweep; until then the totals
  /// say how old they are.
  mutating func goRound(_ answer: inout PublishAnswer, context: InvocationContext, log: Log) {
    let round = streams.goRound(
      pinging: PingPolicy(limits), watch: &pingWatch, countingMilliseconds: Self.countingMilliseconds,
      deadlineMilliseconds: context.deadlineMilliseconds)
    let failure = round.pingFailure ?? (PingPolicy(limits).isOn ? round.failure : nil)
    report(round.pings, failure: failure, answer: &answer, log: log)
    if let failure = round.failure {
      log.error("connections not counted", ["reason": .text(failure.description)])
    } else if let totals = round.totals {
      record(totals)
      log.debug("connections counted", ["connections": .number(Int64(totals.total))])
    } else {
      log.warn("connections not counted: no time for all of them")
    }
  }

  private func report(
    _ pings: StreamSender<Sender>.Pings, failure: TableError?, answer: inout PublishAnswer, log: Log
  ) {
    answer.counts.gone += pings.closed + pings.gone
    answer.counts.disconnects.merge(pings.disconnects, uniquingKeysWith: +)
    if let failure { log.error("silent connections not pinged", ["reason": .text(failure.description)]) }
    if pings.isCutShort { log.warn("sweep had no time for all silent connections") }
    guard pings.pinged + pings.closed + pings.gone > 0 else { return }
    log.info(
      "silent connections pinged",
      [
        "pinged": .number(Int64(pings.pinged)), "closed": .number(Int64(pings.closed)),
        "gone": .number(Int64(pings.gone)),
      ])
  }

  private mutating func record(_ totals: ConnectionTotals) {
    metrics?.record("Connections", value: Double(totals.total), unit: .count)
    metrics?.record("Users", value: Double(totals.users), unit: .count)
    for one in totals.byRole {
      metrics?.record("Connections", value: Double(one.connections), unit: .count, of: ("Role", one.name))
    }
  }
}
