package import Messaging

/// The known event types, their other names, who may see them, the bundles of them, and how the dialects greet: what
/// the file of event types says (`EventTypes.json`).
///
/// A type that is not in it is its own canonical name, and roles that may see everything see it. Events to one user or
/// one group go to their own connections whatever the role, so the roles say nothing of those.
package struct EventTypeTable: Sendable {
  struct Known: Sendable {
    let name: String
    let otherNames: [String]
    let roles: RoleSet
  }

  struct Bundle: Sendable {
    let name: String
    let types: [String]
  }

  struct Greeting: Sendable {
    let dialect: Dialect
    let frame: JSONTree
  }

  private(set) var known: [Known] = []
  /// Beside the roles of a type these see it, known or not.
  private var seeEverything: RoleSet = []
  private var bundles: [Bundle] = []
  /// `stream:` makes `stream:news:AAPL` the key `AAPL` of the type `stream:news`.
  private var keyedPrefixes: [String] = []
  private var dialects: [(name: String, dialect: Dialect)] = []
  private var greetings: [Greeting] = []
  private var canonicalNames = NameIndex()
  private var otherNames = NameIndex()
  private var bundleNames = NameIndex()

  /// Nobody sees anything.
  static let empty = EventTypeTable()

  init() {}

  // MARK: Filling

  /// The name that stands there already, if one of these does.
  mutating func add(_ type: Known) -> String? {
    guard otherNames.find(type.name) == nil, canonicalNames.insert(type.name, at: known.count) else { return type.name }
    for name in type.otherNames {
      guard canonicalNames.find(name) == nil, otherNames.insert(name, at: known.count) else { return name }
    }
    known.append(type)
    return nil
  }

  /// False if the name is taken: by another bundle, or by a type the bundle does not hold.
  mutating func add(_ bundle: Bundle) -> Bool {
    if otherNames.find(bundle.name) != nil { return false }
    if canonicalNames.find(bundle.name) != nil, !bundle.types.contains(bundle.name) { return false }
    guard bundleNames.insert(bundle.name, at: bundles.count) else { return false }
    bundles.append(bundle)
    return true
  }

  /// False if a dialect has the name already.
  mutating func add(_ name: String, for dialect: Dialect) -> Bool {
    guard !dialects.contains(where: { $0.name == name }) else { return false }
    dialects.append((name, dialect))
    return true
  }

  mutating func add(_ greeting: Greeting) { greetings.append(greeting) }

  mutating func letSeeEverything(_ roles: RoleSet) { seeEverything = roles }

  mutating func addKeyedPrefix(_ prefix: String) { keyedPrefixes.append(prefix) }

  func isCanonical(_ name: String) -> Bool { canonicalNames.find(name) != nil }

  // MARK: Types

  package func mayBeSeen(_ type: String, by role: Role?) -> Bool {
    guard let set = role.map(RoleSet.init(_:)) else { return false }
    if seeEverything.contains(set) { return true }
    guard let index = canonicalNames.find(type) else { return false }
    return known[index].roles.contains(set)
  }

  func meaning(of name: String) -> EventTypes.Meaning {
    if canonicalNames.find(name) != nil { return EventTypes.Meaning(type: name, key: nil, shownAs: nil) }
    if let index = otherNames.find(name) {
      return EventTypes.Meaning(type: known[index].name, key: nil, shownAs: name)
    }
    for prefix in keyedPrefixes where name.hasBytePrefix(prefix) {
      if let meaning = Self.keyed(name, prefix: prefix) { return meaning }
    }
    return EventTypes.Meaning(type: name, key: nil, shownAs: nil)
  }

  /// `stream:market_data:AAPL` is the key `AAPL` of the type `stream:market_data`.
  private static func keyed(_ name: String, prefix: String) -> EventTypes.Meaning? {
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let key = name.utf8[name.utf8.index(after: colon)...]
    guard !key.isEmpty else { return nil }
    return EventTypes.Meaning(type: String(name[..<colon]), key: String(Substring(key)), shownAs: nil)
  }

  func meanings(of name: String) -> [EventTypes.Meaning] {
    guard name.utf8.last == UInt8(ascii: "*") else {
      return bundleNames.find(name).map { bundles[$0].types.map(meaning) } ?? [meaning(of: name)]
    }
    let prefix = String(name.dropLast())
    return known.compactMap { type in
      if type.name.hasBytePrefix(prefix) { return EventTypes.Meaning(type: type.name, key: nil, shownAs: nil) }
      let other = type.otherNames.first { $0.hasBytePrefix(prefix) }
      return other.map { EventTypes.Meaning(type: type.name, key: nil, shownAs: $0) }
    }
  }

  // MARK: Dialects

  package var dialectNames: [String] { dialects.map(\.name) }

  package func dialect(named name: String) -> Dialect? {
    dialects.first { $0.name.hasSameBytes(as: name) }?.dialect
  }

  func greeting(of dialect: Dialect) -> Greeting? { greetings.first { $0.dialect == dialect } }
}
