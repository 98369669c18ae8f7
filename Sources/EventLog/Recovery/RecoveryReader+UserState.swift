package import ConnectionStore
import Connections
import Messaging

// What is kept of a user or group: orders, positions, strategies.
extension RecoveryReader {
  /// The orders of a stream such as `user/u-1`, each with how far it is filled. Whoever shows them goes on with the log
  /// after `head`.
  package func orders(of stream: String) throws(TableError) -> StateList? { try states("orders", of: stream) }

  /// The positions of a stream, those of quantity 0 left out, and what they are worth together.
  package func positions(of stream: String) throws(TableError) -> StateList? { try states("positions", of: stream) }

  /// The strategies of a stream.
  package func strategies(of stream: String) throws(TableError) -> StateList? { try states("strategies", of: stream) }

  /// The states that the file of event types calls so. Nil: it has none of that name, or the stream is no user's and no
  /// group's.
  ///
  /// At most `STATE_KEYS` of them. Whether whoever asks may see them is not asked here: a user may see those of the user's
  /// own stream, and a member those of a group's.
  package func states(_ list: String, of stream: String) throws(TableError) -> StateList? {
    guard let rule = types.stateRule(listed: list), let audience = StreamName.audience(of: stream),
      audience != .everyone
    else { return nil }
    // The head first: what the rows lack, as they are read after it, comes after it.
    let head = try streamLog.head(stream: stream)
    let values = try values(StateRow.query(stream: stream, type: rule.type), audience: audience)
    let total = rule.fold == .position ? Self.totalValue(of: values) : nil
    return StateList(
      stream: stream, name: list, type: rule.type, head: head, values: values, totalValue: total)
  }

  /// The strategy with that name, if the stream has one: else whoever asks for it is told that there is none.
  package func strategy(_ id: String, of stream: String) throws(TableError) -> StateValue? {
    guard let rule = types.stateRule(listed: "strategies"), let audience = StreamName.audience(of: stream),
      audience != .everyone
    else { return nil }
    let item = try table.get(StateRow.key(stream: stream, type: rule.type, key: id), consistency: .strong)
    return try item.map { (item) throws(TableError) in try StateRow.value(item, audience: audience) }
  }

  /// The stream that has the strategy with that name, such as `user/u-1`; nil: there is none.
  package func owner(ofStrategy id: String) throws(TableError) -> String? {
    guard let rule = types.stateRule(listed: "strategies"), rule.hasOwner else { return nil }
    let item = try table.get(OwnerRow.key(type: rule.type, key: id), consistency: .strong)
    guard let stream = item?.string(OwnerRow.Attribute.stream) else { return nil }
    // Who has a key is written when it is new; it may have gone for others since.
    return try strategy(id, of: stream) == nil ? nil : stream
  }

  /// Nil: they are worth more than can be said exactly, which no append lets them be.
  private static func totalValue(of values: [StateValue]) -> ExactDecimal? {
    try? StateFold.totalValue(of: values.lazy.compactMap { StateObject($0.event.data) })
  }

  private func values(_ query: Query, audience: Audience) throws(TableError) -> [StateValue] {
    var values: [StateValue] = []
    for item in try table.items(of: query) { values.append(try StateRow.value(item, audience: audience)) }
    return values.sorted(by: StateValue.isBefore)
  }

  // MARK: As the snapshot of a stream

  /// What is kept of a user's or group's stream and is for a connection, as events. Each tells in which place of the log it
  /// was changed last: those after `head` come to the connection too, and change nothing.
  ///
  /// Clients that know no snapshots get none: what waits for their user comes to them, and would come twice.
  func userState(record: ConnectionRecord, stream: String, head: LogHead?) throws(TableError) -> [LoggedEvent] {
    guard record.dialect.takesSnapshots, mayShowStates(to: record), let audience = StreamName.audience(of: stream)
    else { return [] }
    let shown = try values(Query(partition: StateRow.partition(stream: stream)), audience: audience).filter {
      isShown($0.event, to: record)
    }
    guard !shown.isEmpty else { return [] }
    // A log that was begun meanwhile is the one whose events come next.
    let epoch = head == nil ? try streamLog.head(stream: stream)?.epoch : head?.epoch
    // A place in an earlier log is before every place in this one.
    return shown.map { LoggedEvent(sequence: $0.epoch == epoch ? $0.sequence : 0, event: $0.event) }
  }

  /// Whether a connection asked for any type of which a state is kept, or for nothing, which brings everything of its user.
  private func mayShowStates(to record: ConnectionRecord) -> Bool {
    guard record.subscriptions.hasAsked else { return true }
    let stateful = Set(types.statefulTypes.map { Array($0.type.utf8) })
    return record.subscriptions.active.contains { stateful.contains(Array($0.type.utf8)) }
  }
}
