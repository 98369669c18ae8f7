import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

extension StreamSender {
  /// Tells the connections whose credential has ended lately so, and closes them: one that says nothing, and that no
  /// event is for, would stay open. One that cannot be told is tried again by the next sweeps.
  func closeEnded(deadlineMilliseconds: Int64) throws(TableError) -> Tally {
    let ended = try connections.ended()
    guard !ended.isEmpty else { return Tally() }
    let topics = Dictionary(ended.map { ($0.id, $0.topic) }, uniquingKeysWith: { first, _ in first })
    var rest = ended[...]
    return sender.deliver(deadlineMilliseconds: deadlineMilliseconds) {
      true
    } nextPage: {
      defer { rest = rest.dropFirst(pageSize) }
      return rest.isEmpty
        ? nil : rest.prefix(pageSize).map { Listener(expired: $0.id, $0.connectedAtMilliseconds, through: 0) }
    } settled: { listener, ending in
      if ending.reason == .gone {
        _ = remove(listener.id, found: topics[listener.id].map { [$0] } ?? [])
      } else {
        log.warn("not told that its credential has ended", ["connectionId": .text(listener.id.text)])
      }
    }
  }
}
