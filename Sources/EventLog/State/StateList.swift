import JSON
package import Messaging
import Telemetry

/// The states of one type of a user or group: its orders, its positions, its strategies.
package struct StateList: Sendable {
  package let stream: String
  /// What a snapshot calls them: `orders`.
  package let name: String
  package let type: String
  /// Where the log stood before they were read; nil: the stream has none now. They hold every event up to there. An event
  /// after it may be among them already, and changes nothing when it comes.
  package let head: LogHead?
  /// In the order in which they were changed last.
  package let values: [StateValue]
  /// What positions are worth together, by their `quantity` and `currentPrice`; nil: they are none.
  package let totalValue: ExactDecimal?

  /// The data of the event that shows them all: `{"snapshot":true,"orders":[…],"timestamp":"…"}`, of positions with
  /// `totalValue`.
  package func snapshot(atMilliseconds milliseconds: Int64) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: values.reduce(128) { $0 + $1.event.data.count + 1 })
    writer.object { writer in
      writer.member("snapshot", true)
      writer.key(name)
      writer.array { writer in
        for value in values { writer.raw(value.event.data) }
      }
      if let totalValue { writer.member(StateChanges.totalValue, raw: totalValue.description.utf8) }
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: milliseconds))
    }
    return writer.bytes
  }
}
