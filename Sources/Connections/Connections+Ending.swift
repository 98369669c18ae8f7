package import ConnectionStore
package import Messaging
import Telemetry

extension Connections {
  /// A connection whose credential has ended.
  package struct Ended: Equatable, Sendable {
    package let id: ConnectionID
    package let connectedAtMilliseconds: Int64
    /// Where its row stands; for `disconnect(_:found:)`.
    package let topic: Topic
  }

  /// How far back is looked for those that ended. A sweep comes each minute; one that does not come is made up for by
  /// the connections' next frame or event.
  static let endedMinutes: Int64 = 3

  /// The connections whose credential ended within the last minutes and that are still there.
  package func ended() throws(TableError) -> [Ended] {
    let now = clock.milliseconds()
    var ended: [Ended] = []
    for minute in now / 60_000 - Self.endedMinutes + 1...now / 60_000 {
      let topic = Topic.ending(minute: minute)
      let items = try table.items(of: Query(partition: ListenerRow.partition(topic, shard: 0)))
      for row in items.compactMap(ListenerRow.init) {
        guard let until = row.untilMilliseconds, until <= now else { continue }
        ended.append(Ended(id: row.id, connectedAtMilliseconds: row.connectedAtMilliseconds, topic: topic))
      }
    }
    return ended
  }
}
