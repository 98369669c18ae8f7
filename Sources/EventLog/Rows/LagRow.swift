import ConnectionStore
import Connections
import HTTPWire
import Messaging

/// The row of a connection that lags in a stream, or whose delivery is paused there. `Docs/data-model.md`.
enum LagRow {
  enum Attribute {
    static let version = "v"
    static let epoch = "epoch"
    static let from = "from"
    static let failures = "failures"
    static let due = "due"
    static let slow = "slow"
    static let gone = "gone"
    static let through = "through"
    static let after = "after"
    static let paidUntil = "paidUntil"
    static let batching = "batching"
    static let writer = "writer"
  }

  static let prefix = "lag#"

  /// As long as the log may hold the events that a connection lacks.
  static func keptSeconds(_ limits: StreamLimits) -> Int64 { limits.logSeconds + 60 * 60 }

  static func partition(stream: String) -> String { "\(prefix)\(PercentEncoding.encode(stream))" }

  static func key(stream: String, id: ConnectionID) -> ItemKey {
    ItemKey(partition: partition(stream: stream), sort: id.text)
  }

  /// The row of one connection, for reading several side by side.
  static func query(stream: String, id: ConnectionID) -> Query {
    Query(partition: partition(stream: stream), sort: .between(id.text, id.text))
  }

  static func item(
    _ key: ItemKey, epoch: String, from: Int64, failures: Int64 = 0, dueAtMilliseconds: Int64, pace: Pace = .ready,
    withheld: Withheld? = nil, writer: String, expires: Int64
  ) -> Item {
    var item = Item(
      key: key,
      attributes: [
        Attribute.version: .number(1), Attribute.epoch: .string(epoch), Attribute.from: .number(from),
        Attribute.failures: .number(failures), Attribute.due: .number(dueAtMilliseconds),
        Attribute.writer: .string(writer),
      ], expires: expires)
    if pace != .ready { item[Attribute.slow] = .number(1) }
    if pace == .gone { item[Attribute.gone] = .number(1) }
    for (name, value) in attributes(withheld) { item[name] = .number(value) }
    return item
  }

  private static let withheldNames = [Attribute.through, Attribute.after, Attribute.paidUntil, Attribute.batching]

  private static func attributes(_ withheld: Withheld?) -> [(name: String, value: Int64)] {
    guard let withheld else { return [] }
    let values = [withheld.through, withheld.after, withheld.paidUntilMilliseconds, withheld.isBatching ? 1 : 0]
    return zip(withheldNames, values).filter { $1 > 0 }.map { ($0, $1) }
  }

  /// What an attempt to serve a slow connection changes.
  static func change(_ outcome: Lag, dueAtMilliseconds: Int64, writer: String) -> Change {
    var change = Change()
    change.set = [
      Attribute.from: .number(outcome.from), Attribute.failures: .number(outcome.failures),
      Attribute.due: .number(dueAtMilliseconds), Attribute.writer: .string(writer),
    ]
    switch outcome.pace {
    case .ready: change.remove = [Attribute.slow, Attribute.gone]
    case .slow: change.remove = [Attribute.gone]
    case .gone: change.set[Attribute.gone] = .number(1)
    }
    change.remove.formUnion(withheldNames)
    for (name, value) in attributes(outcome.withheld) {
      change.set[name] = .number(value)
      change.remove.remove(name)
    }
    return change
  }

  /// What the end of a pause changes: the row is due now, and is still as the pause wrote it.
  static func change(dueAtMilliseconds: Int64) -> Change {
    var change = Change()
    change.set[Attribute.due] = .number(dueAtMilliseconds)
    return change
  }

  /// The row is as that writer left it.
  static func isWritten(by writer: String) -> Condition { .equals(Attribute.writer, .string(writer)) }

  /// Whether a row is what an attempt to write made it: a backend that lost the answer and tried again is refused by its own
  /// write.
  static func isWritten(_ row: LaggingConnection, by attributes: [String: Value]) -> Bool {
    attributes[Attribute.writer] == .string(row.writer)
  }
}

extension LaggingConnection {
  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let id = ConnectionID(item.key.sort), let epoch = item.string(LagRow.Attribute.epoch),
      let from = item.number(LagRow.Attribute.from), let writer = item.string(LagRow.Attribute.writer)
    else { return nil }
    self.id = id
    self.epoch = epoch
    self.from = from
    failures = item.number(LagRow.Attribute.failures) ?? 0
    dueAtMilliseconds = item.number(LagRow.Attribute.due) ?? 0
    pace = item[LagRow.Attribute.slow] == nil ? .ready : item[LagRow.Attribute.gone] == nil ? .slow : .gone
    withheld = Withheld(item)
    self.writer = writer
  }
}

extension Withheld {
  fileprivate init?(_ item: Item) {
    let withheld = Self(
      through: item.number(LagRow.Attribute.through) ?? 0, after: item.number(LagRow.Attribute.after) ?? 0,
      paidUntilMilliseconds: item.number(LagRow.Attribute.paidUntil) ?? 0,
      isBatching: item[LagRow.Attribute.batching] != nil)
    guard withheld != Self() else { return nil }
    self = withheld
  }
}
