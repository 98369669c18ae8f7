package import ConnectionStore
package import Connections
import Frames
import Messaging
import Telemetry

/// When the rows of connections are to be read again, so that one that is heard every few minutes is not read every minute.
/// Kept by an environment from one sweep to the next; without it all are read.
package struct PingWatch {
  /// In milliseconds since the epoch.
  private var notBefore: [ConnectionID: Int64] = [:]
  /// Of the sweep that runs; who was not met in it has left.
  private var next: [ConnectionID: Int64] = [:]

  /// Bounds what an environment remembers: some three megabytes.
  private static let remembered = 32_768

  package init() {}

  mutating func isDue(_ id: ConnectionID, nowMilliseconds now: Int64) -> Bool {
    guard let moment = notBefore[id], moment > now else { return true }
    wait(id, until: moment)
    return false
  }

  mutating func wait(_ id: ConnectionID, until moment: Int64) {
    if next.count < Self.remembered { next[id] = moment }
  }

  mutating func endSweep() {
    notBefore = next
    next = [:]
  }
}

extension StreamSender {
  /// What became of the connections that say nothing.
  package struct Pings: Equatable, Sendable {
    package var pinged = 0
    /// Closed: they answered none.
    package var closed = 0
    /// They had left.
    package var gone = 0
    /// Of these whose end nobody had noticed before.
    package var disconnects: [DisconnectReason: Int] = [:]
    /// The time was up before all were looked at.
    package var isCutShort = false

    package init() {}
  }

  /// What one reading of the list of all connections came to.
  package struct Round {
    package var pings = Pings()
    /// Why some were not pinged that should have been; the next sweep does it.
    package var pingFailure: TableError?
    /// Nil: not all of them were read in time, or that failed.
    package var totals: ConnectionTotals?
    package var failure: TableError?

    package init() {}
  }

  /// Reads the list of all connections once: counts them, pings those that were not heard for long, page by page, and closes
  /// those that answered none. Where the reading takes longer than `countingMilliseconds` they are only pinged.
  package func goRound(
    pinging policy: PingPolicy, watch: inout PingWatch, countingMilliseconds: Int64 = .max, deadlineMilliseconds: Int64
  ) -> Round {
    var round = Round()
    do throws(TableError) {
      try goRound(
        pinging: policy, watch: &watch, countingMilliseconds: countingMilliseconds,
        deadlineMilliseconds: deadlineMilliseconds, round: &round)
    } catch {
      round.failure = error
    }
    return round
  }

  private func goRound(
    pinging policy: PingPolicy, watch: inout PingWatch, countingMilliseconds: Int64, deadlineMilliseconds: Int64,
    round: inout Round
  ) throws(TableError) {
    var counter = connections.counter()
    var list = connections.list(pageSize: pageSize)
    var readMilliseconds: Int64 = 0
    while clock.milliseconds() < deadlineMilliseconds - Self.reserveMilliseconds {
      let start = clock.milliseconds()
      guard let page = try list.next() else {
        watch.endSweep()
        if readMilliseconds < countingMilliseconds { round.totals = try connections.record(counter) }
        return
      }
      counter.add(page)
      readMilliseconds += clock.milliseconds() - start
      pingSilent(page, policy, watch: &watch, deadlineMilliseconds: deadlineMilliseconds, round: &round)
    }
    if policy.isOn { round.pings.isCutShort = true }
  }

  private func pingSilent(
    _ page: [ListenerRow], _ policy: PingPolicy, watch: inout PingWatch, deadlineMilliseconds: Int64, round: inout Round
  ) {
    guard policy.isOn, round.pingFailure == nil, !round.pings.isCutShort else { return }
    guard clock.milliseconds() < deadlineMilliseconds - Self.pingReserveMilliseconds else {
      round.pings.isCutShort = true
      return
    }
    do throws(TableError) {
      try pingSilent(page, policy, watch: &watch, deadlineMilliseconds: deadlineMilliseconds, pings: &round.pings)
    } catch {
      round.pingFailure = error
    }
  }

  /// In the last part of the time the others are only counted.
  private static var pingReserveMilliseconds: Int64 { 4_000 }

  private func pingSilent(
    _ page: [ListenerRow], _ policy: PingPolicy, watch: inout PingWatch, deadlineMilliseconds: Int64, pings: inout Pings
  ) throws(TableError) {
    let now = clock.milliseconds()
    let ids = page.filter {
      policy.earliest(connectedAtMilliseconds: $0.connectedAtMilliseconds) <= now
        && watch.isDue($0.id, nowMilliseconds: now)
    }.map(\.id)
    guard !ids.isEmpty else { return }
    let turns = try connections.connections(ids).compactMap { record in
      record.map { (record: $0, turn: policy.turn(of: $0, nowMilliseconds: now)) }
    }
    for (record, turn) in turns {
      if case .later(let moment) = turn { watch.wait(record.id, until: moment) }
    }
    try ping(
      turns.filter { $0.turn == .ping }.map(\.record), closing: turns.filter { $0.turn == .close }.map(\.record),
      deadlineMilliseconds: deadlineMilliseconds, pings: &pings)
  }

  /// A ping counts once it was posted, and before that nothing is written: who dies in between pings once more.
  private func ping(
    _ silent: [ConnectionRecord], closing: [ConnectionRecord], deadlineMilliseconds: Int64, pings: inout Pings
  ) throws(TableError) {
    let deliveries = silent.map(PendingDelivery.init(pinging:)) + closing.map(PendingDelivery.init(closingSilent:))
    guard !deliveries.isEmpty else { return }
    let failures = sender.deliver(deliveries, deadlineMilliseconds: deadlineMilliseconds).failures
    let failed = Set(failures.map(\.id))
    let gone = Set(failures.filter { $0.reason == .gone }.map(\.id))
    let heard = silent.filter { !failed.contains($0.id) }
    pings.pinged += heard.count
    pings.closed += closing.count { gone.contains($0.id) }
    pings.gone += silent.count { gone.contains($0.id) }
    try connections.recordPings(of: heard)
    var counts = DeliveryCounts()
    for (records, reason) in [(silent, DisconnectReason.gone), (closing, .unanswered)] {
      let leaving = records.filter { gone.contains($0.id) }.map { Connections.Leaving(id: $0.id, record: $0) }
      if !leaving.isEmpty { _ = remove(leaving, because: reason, counts: &counts) }
    }
    pings.disconnects.merge(counts.disconnects, uniquingKeysWith: +)
  }
}

extension PendingDelivery {
  private static let ping = OutgoingFrame(bytes: ServerFrame.ping, firstSequence: 0)

  fileprivate init(pinging record: ConnectionRecord) {
    self.init(id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds, frames: [Self.ping])
  }

  fileprivate init(closingSilent record: ConnectionRecord) {
    let frame = ServerFrame.error(
      code: "no_pong",
      message: "this connection said nothing for long and did not answer \(PingPolicy.pings) pings; connect again",
      requestID: "")
    self.init(
      id: record.id, connectedAtMilliseconds: record.connectedAtMilliseconds,
      frames: [OutgoingFrame(bytes: frame, firstSequence: 0)], isClosedAfterwards: true)
  }
}
