import Connections
import Messaging
import TestSupport

/// Random connections and events, and what a person who knows only the rules would say of them.
struct Situation {
  var generator: SeededGenerator
  let world = World()
  /// What each connection is subscribed to, as it asked.
  var asked: [String: Set<Ask>] = [:]
  /// Those that asked for anything, whatever became of it.
  var haveAsked: Set<String> = []
  var principals: [String: Principal] = [:]
  var shards = 1

  struct Ask: Hashable {
    let name: String
    /// As bytes: two spellings of one letter are two keys. `nil`, which `*` also means, is every key.
    let key: [UInt8]?
  }

  static let users = ["u-1", "u-2", "\u{E9}", "e\u{301}", "u-1 "]
  static let groups = ["desk-7", "desk-8", "desk", "u-1"]
  static let keys = ["AAPL", "AAP", "AAPLX", "\u{E9}", "e\u{301}", "*x", "a:b#c"]
  static let patterns = ["AA*", "AAPL*", "*"]
  /// Canonical names, each with the roles that may see it beside admin, and all its names.
  static let types: [(name: String, roles: Set<Role>, names: [String])] = [
    ("announcement", [.analyst, .approver, .viewer], ["announcement"]),
    ("signal", [.analyst, .approver, .viewer], ["signal", "signal.created"]),
    ("proposal", [.analyst, .approver, .viewer], ["proposal"]),
    ("decision", [.analyst, .approver], ["decision"]),
    ("outcome", [.approver], ["outcome", "eval.completed"]),
    ("risk", [.approver], ["risk", "risk_alert", "risk.alert"]),
    ("system", [], ["system", "system_status"]),
    ("order:update", [], ["order:update"]),
    ("position:update", [], ["position:update"]),
    ("trade:new", [], ["trade:new"]),
    ("price:update", [.analyst, .approver, .viewer], ["price:update"]),
    ("stream:news", [.analyst, .approver, .viewer], ["stream:news"]),
    ("of:our:own", [], ["of:our:own"]),
    ("signal\u{301}", [], ["signal\u{301}"]),
  ]

  /// Those whose events are for the user they are addressed to, whatever the role: personal ones, and those of no file.
  static let forEveryRole = ["order:update", "position:update", "trade:new", "of:our:own", "signal\u{301}"]

  init(seed: UInt64) { generator = SeededGenerator(seed) }

  mutating func pick<T>(_ all: [T]) -> T { all[Int.random(in: 0..<all.count, using: &generator)] }

  mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

  // MARK: Connections

  mutating func connect(_ count: Int) throws {
    for number in 0..<count {
      let id = ConnectionID("c\(number)=")!
      let principal = Principal(
        user: chance(80) ? pick(Self.users) : nil, role: chance(90) ? pick(Role.allCases) : nil,
        groups: Self.groups.filter { _ in chance(30) })
      principals[id.text] = principal
      // Rows may hold more than the role allows, as after the file changed: what is sent is decided when it is sent.
      let record = ConnectionRecord(id: id, principal: principal, connectedAtMilliseconds: world.clock.seconds * 1000)
      _ = try world.connections(shards: shards).connect(record: record)
      for count in 0..<Int64(Int.random(in: 0...4, using: &generator)) { try change(id, count + 1) }
    }
  }

  private mutating func change(_ id: ConnectionID, _ count: Int64) throws {
    let type = pick(Self.types)
    let name = pick(type.names)
    let keys = chance(40) ? [pick(Self.keys + Self.patterns)] : []
    let change =
      chance(80)
      ? world.change(add: [name], keys: keys, count: count) : world.change(remove: [name], keys: keys, count: count)
    let key = keys.first == "*" ? nil : keys.first.map { Array($0.utf8) }
    let removesType = change.add.isEmpty && keys.isEmpty
    // The same selector of the same type again replaces the name it is shown by.
    asked[id.text] = asked[id.text]?.filter {
      Self.canonical($0.name) != type.name || !removesType && $0.key != key
    }
    if !change.add.isEmpty {
      asked[id.text, default: []].insert(Ask(name: name, key: key))
      haveAsked.insert(id.text)
    }
    _ = try world.connections(shards: shards).change(id: id) { _ in change }
  }

  static func canonical(_ name: String) -> String { types.first { $0.names.contains(name) }?.name ?? name }

  // MARK: Events

  mutating func event(_ number: Int) -> Event {
    let audience: Audience = chance(60) ? .everyone : chance(50) ? .user(pick(Self.users)) : .group(pick(Self.groups))
    return Event(
      type: pick(Self.types).name, key: chance(60) ? pick(Self.keys) : nil, audience: audience, data: bytes("1"),
      id: "1-\(number)", timestamp: "")
  }

  /// By the rules alone: the names by which it may be shown to a connection; empty: not at all.
  func names(of event: Event, for id: String) -> Set<String> {
    guard let principal = principals[id] else { return [] }
    let type = Self.types.first { Array($0.name.utf8) == Array(event.type.utf8) }
    let sees = principal.role.map { $0 == .admin || type?.roles.contains($0) == true } ?? false
    let matching = (asked[id] ?? []).filter { Self.canonical($0.name) == event.type && matches($0.key, event.key) }
    let isForEveryRole = Self.forEveryRole.contains { Array($0.utf8) == Array(event.type.utf8) }
    switch event.audience {
    case .user(let user) where principal.user.map { Array($0.utf8) } == Array(user.utf8) && (sees || isForEveryRole),
      .group(let user) where principal.groups.contains(user) && (sees || isForEveryRole):
      return haveAsked.contains(id) ? Set(matching.map(\.name)) : [event.type]
    case .user, .group: return []
    case .everyone where event.type == "announcement": return sees ? [event.type] : []
    case .everyone: return sees ? Set(matching.map(\.name)) : []
    }
  }

  private func matches(_ selector: [UInt8]?, _ key: String?) -> Bool {
    guard let selector else { return true }
    guard let key else { return false }
    if selector.last == 0x2A { return key.utf8.starts(with: selector.dropLast()) }
    return Array(key.utf8) == selector
  }
}
