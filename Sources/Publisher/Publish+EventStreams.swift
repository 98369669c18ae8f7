import ConnectionStore
import Connections
import Delivery
import Messaging
import Telemetry

// What functions that died have left of event streams: taken away by the sweep, since the functions themselves cannot.
extension Publish {
  /// The other parts of a sweep come all the same if this fails.
  mutating func sweepEventStreams(log: Log) {
    do throws(TableError) {
      for lost in try streams.connections.eventStreams().sweep() {
        log.ended(lost, reason: .lost, events: nil, atMilliseconds: lost.aliveUntilMilliseconds)
        metrics?.count("Disconnects", by: ("Reason", DisconnectReason.lost.rawValue))
      }
    } catch {
      log.error("event streams not swept", ["reason": .text(error.description)])
    }
  }
}
