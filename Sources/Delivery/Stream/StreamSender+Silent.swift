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

  /// Pings the connections that were not heard for long, page by page, and closes those that answered none.
  package func pingSilent(
    _ policy: PingPolicy, watch: inout PingWatch, deadlineMilliseconds: Int64
  ) throws(TableError) -> Pings {
    var pings = Pings()
    guard policy.isOn else { return pings }
    var list = connections.list(pageSize: pageSize)
    while let page = try list.next() {
      guard clock.milliseconds() < deadlineMilliseconds - Self.reserveMilliseconds else {
        pings.isCutShort = true
        break
      }
      let now = clock.milliseconds()
      let ids = page.filter {
        policy.earliest(connectedAtMilliseconds: $0.connectedAtMilliseconds) <= now
          && watch.isDue($0.id, nowMilliseconds: now)
      }.map(\.id)
      guard !ids.isEmpty else { continue }
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
    watch.endSweep()
    return pings
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
