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
    for failure in failures + delivered.failures {
      if failure.reason == .gone {
        _ = remove(id: failure.id, found: topics[failure.id].map { [$0] } ?? [])
      } else {
        log.warn("not told that its credential has ended", ["connectionId": .text(failure.id.text)])
      }
    }
    return delivered.counts
  }

  /// Removes the rows of a connection that is gone; false if the table failed.
  func remove(id: ConnectionID, found topics: [Topic]) -> Bool {
    do throws(TableError) {
      try connections.disconnect(id: id, found: topics)
      return true
    } catch {
      log.error(
        "gone connection not removed", ["connectionId": .text(id.text), "reason": .text(error.description)])
      return false
    }
  }
}
