package import ConnectionStore
import Connections
package import Messaging
import Telemetry

// The newest message of a channel, whoever asks.
extension RecoveryReader {
  /// The newest event to everyone of a channel, for a role that may see it: `stream:market_data:AAPL` names a type with a
  /// key, `price:update` a type, of which it is the newest of all keys. What was appended and not sent yet counts.
  ///
  /// Nil: there is none, the role may not see it, or it is older than `LATEST_SECONDS`, on every table at the same moment,
  /// whatever that still stores.
  package func latest(_ channel: String, role: Role?) throws(TableError) -> LoggedEvent? {
    let meaning = types.meaning(of: channel)
    guard types.mayBeSeen(meaning.type, by: role) else { return nil }
    return try latest(type: meaning.type, key: meaning.key).max { $0.sequence < $1.sequence }
  }

  /// The channels that have a message now, of the types that the role may see: `stream:news:AAPL`, each once.
  package func channels(of names: [String], role: Role?) throws(TableError) -> [String] {
    var channels: [String] = []
    for name in names where types.mayBeSeen(name, by: role) {
      channels += try latest(type: name, key: nil).compactMap { $0.event.key.map { "\(name):\($0)" } }.sorted()
    }
    return channels
  }

  /// Of a type, or of one key of it, the newest event of each key that is not too old.
  private func latest(type: String, key: String?) throws(TableError) -> [LoggedEvent] {
    let stream = StreamName.type(type)
    guard let head = try streamLog.head(stream: stream) else { return [] }
    let sent = try Checkpoints(table: table, clock: clock).read(stream: stream)
    var newest: [[UInt8]: LoggedEvent] = [:]
    for row in try lastValues.read(type, key: key, epoch: head.epoch) {
      newest[Array((row.event.key ?? "").utf8)] = row
    }
    var position = sent.map { $0.epoch == head.epoch ? $0.deliveredThrough : 0 } ?? 0
    while position < head.last {
      let page = try streamLog.read(stream: stream, head: head, after: position, limitEvents: 2_000)
      for logged in page.events {
        guard let own = logged.event.key, key?.hasSameBytes(as: own) ?? true else { continue }
        newest[Array(own.utf8)] = logged
      }
      position = page.through
    }
    let oldest = clock.milliseconds() - latestSeconds * 1_000
    return newest.values.filter { EventTime.milliseconds(ofID: $0.event.id) ?? .max > oldest }
  }
}
