import ConnectionStore
import Connections
import Messaging

/// What one try at an append makes of the states of its stream.
///
/// They are read after the head and written in the transaction that moves the head from there: so it fails if any other
/// append was done meanwhile, and a state holds each event of the log once, whichever call fails or is made again. What an
/// event says of the state is written with the event, so every path that reads the log shows the same.
struct StateChanges {
  private let rules: StateRules
  private let stream: String
  private let epoch: String
  private let audience: Audience
  /// By the type whose states they are.
  private var lists: [[UInt8]: StateKeys] = [:]
  /// How many keys had to go for others.
  private(set) var evicted: [String: Int] = [:]

  /// Reads what the events may change.
  init(
    of events: [Event], rules: StateRules, stream: String, epoch: String, table: any Table
  ) throws(TableError) {
    (self.rules, self.stream, self.epoch) = (rules, stream, epoch)
    audience = events.first?.audience ?? .everyone
    var asked: [(rule: StateRule, keys: [String])] = []
    for event in events {
      guard let rule = rules.rule(of: event), let key = event.key else { continue }
      let index = asked.firstIndex { $0.rule.type.hasSameBytes(as: rule.type) } ?? asked.count
      if index == asked.count { asked.append((rule, [])) }
      if rule.fold == .position { asked[index].rule = rule }
      if !asked[index].keys.contains(where: { $0.hasSameBytes(as: key) }) { asked[index].keys.append(key) }
    }
    for (rule, keys) in asked {
      lists[Array(rule.type.utf8)] = try Self.read(rule, keys: keys, stream: stream, audience: audience, table: table)
    }
  }

  /// The keys alone, where all are known and none depends on others; else all of the type, to count them.
  private static func read(
    _ rule: StateRule, keys: [String], stream: String, audience: Audience, table: any Table
  ) throws(TableError) -> StateKeys {
    if rule.fold != .position {
      let items = try table.get(keys.map { StateRow.key(stream: stream, type: rule.type, key: $0) })
      let found = items.compactMap { $0 }
      if found.count == keys.count { return try StateKeys(found, audience: audience) }
    }
    return try StateKeys(table.items(of: StateRow.query(stream: stream, type: rule.type)), audience: audience)
  }

  // MARK: Folding

  /// The event as it is appended under that sequence, or why it is not.
  mutating func apply(_ event: Event, sequence: Int64) -> Result<Event, EventRefusal> {
    do throws(EventRefusal) {
      return .success(try applied(event, sequence: sequence))
    } catch {
      return .failure(error)
    }
  }

  private mutating func applied(_ event: Event, sequence: Int64) throws(EventRefusal) -> Event {
    guard let rule = rules.rule(of: event), let key = event.key, let data = StateObject(event.data),
      var list = lists[Array(rule.type.utf8)]
    else { return event }
    let before = list[key]
    var outcome = try StateFold(rule: rule).outcome(of: data, on: before)
    if let state = outcome.state { try checkSize(state, rule: rule) }
    if before == nil, outcome.state != nil { try makeRoom(in: &list, for: key, rule: rule) }
    list.set(key, to: outcome.state.map { (value(event, rule: rule, state: $0, sequence: sequence), $0) })
    if rule.fold == .position {
      let total = try StateFold.totalValue(of: list.objects)
      outcome.data?[Self.totalValue] = Array(total.description.utf8)
    }
    list.isOwned = rule.hasOwner
    lists[Array(rule.type.utf8)] = list
    var changed = event
    if let data = outcome.data { changed.data = data.bytes }
    return changed
  }

  static let totalValue = "totalValue"

  private func value(_ event: Event, rule: StateRule, state: StateObject, sequence: Int64) -> StateValue {
    StateValue(
      epoch: epoch, sequence: sequence,
      event: Event(
        type: rule.type, key: event.key, audience: event.audience, version: rules.types.version(of: rule.type),
        data: state.bytes, id: event.id, timestamp: event.timestamp))
  }

  private func checkSize(_ state: StateObject, rule: StateRule) throws(EventRefusal) {
    let (bytes, maximum) = (state.bytes.count, StateRules.maximumBytes(of: rule))
    guard bytes > maximum else { return }
    throw EventRefusal(
      code: .tooLarge, message: "the state of its key would be \(bytes) bytes of JSON; at most \(maximum) are kept")
  }

  /// The order that was changed longest ago goes for a new one. A position does not: what all are worth would be wrong.
  private mutating func makeRoom(in list: inout StateKeys, for key: String, rule: StateRule) throws(EventRefusal) {
    let maximum = rules.limits.stateKeys
    guard list.count >= maximum else { return }
    if rule.fold != .position, list.evictOldest() {
      evicted[rule.type, default: 0] += 1
      return
    }
    throw EventRefusal(
      code: .tooManyKeys,
      message: "the state of '\(rule.type)' holds \(list.count) keys; at most \(maximum) are kept (STATE_KEYS)")
  }

  // MARK: Writing

  /// What goes into the transaction of the append.
  func writes(expires: Int64) -> [TransactionWrite] {
    lists.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap { type, list in
      list.changes.flatMap { change -> [TransactionWrite] in
        let name = String(decoding: type, as: UTF8.self)
        guard let value = change.value else {
          return [.delete(StateRow.key(stream: stream, type: name, key: change.key))]
        }
        let row = TransactionWrite.put(StateRow.item(value, stream: stream, expires: expires))
        // With each event, so that it stands as long as the state.
        guard list.isOwned else { return [row] }
        return [row, .put(OwnerRow.item(type: name, key: change.key, stream: stream, expires: expires))]
      }
    }
  }
}

/// The states of one type, as they were read and as they are by now.
struct StateKeys {
  private var entries: [[UInt8]: (value: StateValue, object: StateObject)] = [:]
  /// Those that are not as they were read; whether each stood there then.
  private var touched: [[UInt8]: Bool] = [:]
  var isOwned = false

  init(_ items: [Item], audience: Audience) throws(TableError) {
    for item in items {
      let value = try StateRow.value(item, audience: audience)
      entries[Array((value.event.key ?? "").utf8)] = (value, StateObject(value.event.data) ?? StateObject())
    }
  }

  var count: Int { entries.count }
  var objects: [StateObject] { entries.values.map(\.object) }

  subscript(_ key: String) -> StateObject? { entries[Array(key.utf8)]?.object }

  mutating func set(_ key: String, to entry: (value: StateValue, object: StateObject)?) {
    let bytes = Array(key.utf8)
    touched[bytes] = touched[bytes] ?? (entries[bytes] != nil)
    entries[bytes] = entry
  }

  /// False: all of them were changed just now.
  mutating func evictOldest() -> Bool {
    let oldest = entries.filter { touched[$0.key] == nil }
      .min { StateValue.isBefore($0.value.value, $1.value.value) }
    guard let oldest else { return false }
    touched[oldest.key] = true
    entries[oldest.key] = nil
    return true
  }

  /// In the order of their keys. `value`: nil, if the key is to go.
  var changes: [(key: String, value: StateValue?)] {
    touched.sorted { $0.key.lexicographicallyPrecedes($1.key) }.compactMap { key, stood in
      let value = entries[key]?.value
      guard stood || value != nil else { return nil }
      return (String(decoding: key, as: UTF8.self), value)
    }
  }
}
