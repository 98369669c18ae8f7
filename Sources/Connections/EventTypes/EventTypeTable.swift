package import Frames
import JSON
package import Messaging

/// The known event types, their other names, who may see them, the bundles of them, and how the dialects greet: what
/// the file of event types says (`EventTypes.json`). Each program reads it once, at its start, and hands it to what needs
/// it: `RecoveryReader`, `StreamSender` and the requests of clients and publishers. There is no table of the process.
///
/// A type that is not in it is its own canonical name, and roles that may see everything see it. Events to one user or
/// one group go to that user's or group's connections: those of a personal type and of one that is not in the file whatever
/// the role, others as the roles say.
///
/// For example, by the file that is built in: `signal.created` means the type `signal`, shown as `signal.created`;
/// `stream:news:AAPL` means the type `stream:news` with the key `AAPL`; `proposal` means three types, all shown as
/// `proposal`. An analyst may see `signal`, but not `risk`. What that means for one event and one connection is decided by
/// `shownName` (Visibility.swift).
package struct EventTypeTable: Sendable {
  struct Bundle: Sendable {
    let name: String
    let types: [String]
  }

  struct Greeting: Sendable {
    let dialect: Dialect
    let frame: JSONValue
  }

  private(set) var known: [EventType] = []
  /// Beside the roles of a type these see it, known or not.
  private var seeEverything: RoleSet = []
  private(set) var bundles: [Bundle] = []
  /// `stream:` makes `stream:news:AAPL` the key `AAPL` of the type `stream:news`.
  private(set) var keyedPrefixes: [String] = []
  private var dialects: [(name: String, dialect: Dialect)] = []
  private var greetings: [Greeting] = []
  private var canonicalNames = NameIndex()
  private var otherNames = NameIndex()
  private var bundleNames = NameIndex()

  init() {}

  // MARK: Filling

  /// The name that stands there already, if one of these does.
  mutating func add(_ type: EventType) -> String? {
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

  // MARK: Types

  /// By its canonical name; nil: the file has no such type.
  func type(named name: String) -> EventType? { canonicalNames.find(name).map { known[$0] } }

  func type(spelt name: String) -> EventType? { otherNames.find(name).map { known[$0] } }

  func bundle(named name: String) -> Bundle? { bundleNames.find(name).map { bundles[$0] } }

  /// Whether the file has the type.
  package func isKnown(_ type: String) -> Bool { canonicalNames.find(type) != nil }

  /// Whether its events are about the user they are addressed to: such an event is for its user whatever the role.
  package func isPersonal(_ type: String) -> Bool { canonicalNames.find(type).map { known[$0].isPersonal } ?? false }

  /// Whether its broadcasts hold nothing that is not for everyone, known or not.
  package func isPublic(_ type: String) -> Bool { canonicalNames.find(type).map { known[$0].isPublic } ?? false }

  /// Whether the newest event of a key says all that the earlier ones said. A type that is not in the file does not
  /// conflate: nobody has said that its earlier events may go.
  package func conflates(_ type: String) -> Bool { canonicalNames.find(type).map { known[$0].conflates } ?? false }

  /// Whether a broadcast of that type may be seen.
  package func mayBeSeen(_ type: String, by role: Role?) -> Bool {
    guard let set = role.map(RoleSet.init(_:)) else { return false }
    if seeEverything.contains(set) { return true }
    guard let index = canonicalNames.find(type) else { return false }
    return known[index].roles.contains(set)
  }

  // MARK: Dialects

  package var dialectNames: [String] { dialects.map(\.name) }

  package func dialect(named name: String) -> Dialect? {
    dialects.first { $0.name.hasSameBytes(as: name) }?.dialect
  }

  /// The frame that greets a client of that dialect which says no `hello`; nil if the dialect has none.
  package func greeting(of dialect: Dialect, fields: GreetingFields) -> [UInt8]? {
    greetings.first { $0.dialect == dialect }.map { ServerFrame.greeting($0.frame, fields: fields) }
  }
}
