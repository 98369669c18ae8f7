package import ConnectionStore
import Connections
import Messaging
import Telemetry

extension StreamSender {
  /// Tells the connections whose credential has ended lately so, and closes them: one that says nothing, and that no
  /// event is for, would stay open. One that cannot be told is tried again by the next sweeps.
  package func closeEnded(deadlineMilliseconds: Int64) throws(TableError) -> DeliveryCounts {
    let ended = try connections.ended()
    guard !ended.isEmpty else { return DeliveryCounts() }
    let topics = Dictionary(ended.map { ($0.id, $0.topic) }, uniquingKeysWith: { first, _ in first })
    var rest = ended[...]
    var failures: [DeliveryFailure] = []
    let delivered = sender.deliver(deadlineMilliseconds: deadlineMilliseconds, keepsOn: { true }) { failed in
      failures += failed
      guard !rest.isEmpty else { return nil }
      defer { rest = rest.dropFirst(pageSize) }
      return rest.prefix(pageSize).map {
        PendingDelivery(expired: $0.id, connectedAtMilliseconds: $0.connectedAtMilliseconds, through: 0)
      }
    }
    var gone: [Connections.Leaving] = []
    for failure in failures + delivered.failures {
      if failure.reason == .gone {
        gone.append(Connections.Leaving(id: failure.id, found: topics[failure.id].map { [$0] } ?? []))
      } else {
        log.warn("not told that its credential has ended", ["connectionId": .text(failure.id.text)])
      }
    }
    var counts = delivered.counts
    _ = remove(gone, counts: &counts)
    return counts
  }

  /// Removes the rows of connections that are gone; answers of whom. One whose row is damaged does not keep the others.
  func remove(
    _ gone: [Connections.Leaving], because reason: DisconnectReason = .gone, counts: inout DeliveryCounts
  ) -> Set<ConnectionID> {
    do throws(TableError) {
      for departed in try connections.disconnect(gone) { report(departed, reason: reason, counts: &counts) }
      return Set(gone.map(\.id))
    } catch {
      if gone.count > 1, error.code == .corrupt || error.code == .invalidRequest {
        return gone.reduce(into: []) { $0.formUnion(remove([$1], because: reason, counts: &counts)) }
      }
      let ids = gone.map(\.id.text).joined(separator: ",")
      log.error("gone connections not removed", ["connectionIds": .text(ids), "reason": .text(error.description)])
      return []
    }
  }

  private func report(_ departed: Connections.Departed, reason: DisconnectReason, counts: inout DeliveryCounts) {
    let now = clock.milliseconds()
    let reason = departed.isExpired(atMilliseconds: now) ? .expired : reason
    if departed.isFirst { counts.disconnects[reason, default: 0] += 1 }
    log.disconnected(departed, reason: reason, atMilliseconds: now)
  }
}
