import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row with the state of one key of a user or group: an event of the type whose state it is, with the data as all
/// earlier ones left them. `Docs/data-model.md`.
struct StateRow {
  enum Attribute {
    static let version = "v"
    static let epoch = "epoch"
    static let sequence = "seq"
    static let event = "event"
  }

  static let prefix = "st#"

  /// All states of a user or group.
  static func partition(stream: String) -> String { "\(prefix)\(PercentEncoding.encode(stream))" }

  /// Those of one type.
  static func query(stream: String, type: String) -> Query {
    Query(partition: partition(stream: stream), sort: .prefix("\(PercentEncoding.encode(type))#"))
  }

  static func key(stream: String, type: String, key: String) -> ItemKey {
    ItemKey(
      partition: partition(stream: stream), sort: "\(PercentEncoding.encode(type))#\(PercentEncoding.encode(key))")
  }

  static func item(_ value: StateValue, stream: String, expires: Int64) -> Item {
    Item(
      key: key(stream: stream, type: value.event.type, key: value.event.key ?? ""),
      attributes: [
        Attribute.version: .number(1), Attribute.epoch: .string(value.epoch),
        Attribute.sequence: .number(value.sequence), Attribute.event: .bytes(EventBlock.encode([value.event])),
      ], expires: expires)
  }

  static func value(_ item: Item, audience: Audience) throws(TableError) -> StateValue {
    guard let epoch = item.string(Attribute.epoch), let sequence = item.number(Attribute.sequence),
      let block = item.bytes(Attribute.event),
      let event = EventBlock.decode(block, first: sequence, audience: audience)?.first?.event
    else {
      throw TableError(
        code: .corrupt, operation: "query", key: item.key, detail: "not a state row of this release or the one before")
    }
    return StateValue(epoch: epoch, sequence: sequence, event: event)
  }
}
