import JSON
import Messaging

/// Why a file of event types is not taken: which file, which member, what is wrong with it.
package struct EventTypeFileError: Error, Equatable, CustomStringConvertible {
  package let file: String
  /// `types[3].roles[1]`, or `line 7` where the text is no JSON; empty for the file as a whole.
  package let member: String
  package let reason: String
  /// Where the member stands, or the value that lacks it.
  package internal(set) var line: Int?

  package var description: String {
    let place = line.map { " (line \($0))" } ?? ""
    return "the event types of \(file)\(member.isEmpty ? "" : ", \(member)\(place)"): \(reason)"
  }
}

extension EventTypeTable {
  /// Reads what a file of event types says. Strictly: a member that is misspelt would otherwise open or close a type in
  /// silence.
  ///
  /// `isDescribed`: each type has a schema, which the paths into its data are held to, and an example.
  package init(reading bytes: [UInt8], file: String, isDescribed: Bool = true) throws(EventTypeFileError) {
    let tree: JSONValue
    do throws(JSONError) {
      tree = try JSONValue(bytes)
    } catch {
      let line = 1 + bytes.prefix(error.offset).count { $0 == UInt8(ascii: "\n") }
      throw EventTypeFileError(file: file, member: "line \(line)", reason: error.description)
    }
    self.init()
    do throws(EventTypeFileError) {
      try read(EventTypeMember(file: file, path: .root, tree), isDescribed: isDescribed)
    } catch {
      var error = error
      error.line = JSONPath.line(of: error.member, in: bytes)
      throw error
    }
  }

  private static let rootMembers = ["version", "types", "seeEverything", "bundles", "keyedPrefixes", "dialects"]
  private static let bundleMembers = ["name", "types"]
  private static let dialectMembers = ["name", "aliases", "greeting"]

  private mutating func read(_ root: EventTypeMember, isDescribed: Bool) throws(EventTypeFileError) {
    let members = try root.members(Self.rootMembers, required: 2)
    if let version = members[0], version.tree != .plain([UInt8(ascii: "1")]) { throw version.fault("must be 1") }
    try readTypes(try members[1]?.elements() ?? [], isDescribed: isDescribed)
    if let roles = members[2] { letSeeEverything(try roles.roles()) }
    for bundle in try members[3]?.elements() ?? [] { try readBundle(bundle) }
    for prefix in try members[4]?.elements() ?? [] { addKeyedPrefix(try prefix.name()) }
    for dialect in try members[5]?.elements() ?? [] { try readDialect(dialect) }
    // What the file does not speak of has its own name and no greeting.
    for dialect in Dialect.allCases where self.dialect(named: dialect.rawValue) == nil {
      _ = add(dialect.rawValue, for: dialect)
    }
  }

  private mutating func readBundle(_ bundle: EventTypeMember) throws(EventTypeFileError) {
    let members = try bundle.members(Self.bundleMembers, required: 2)
    guard let name = members[0], let types = members[1] else { return }
    let bundled = Bundle(name: try name.name(), types: try types.names())
    for type in try types.elements() where !isKnown(try type.name()) {
      throw type.fault("'\(try type.name())' is not the name of a type")
    }
    guard !bundled.types.isEmpty else { throw types.fault("names no type") }
    guard add(bundled) else {
      throw name.fault("'\(bundled.name)' is the name of another bundle, or of a type it does not hold")
    }
  }

  private mutating func readDialect(_ dialect: EventTypeMember) throws(EventTypeFileError) {
    let members = try dialect.members(Self.dialectMembers, required: 1)
    guard let name = members[0] else { return }
    guard let known = Dialect(rawValue: try name.name()) else {
      throw name.fault("is no dialect; there are \(Dialect.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    for text in [known.rawValue] + (try members[1]?.names() ?? []) where !add(text, for: known) {
      throw dialect.fault("the name '\(text)' stands twice")
    }
    if let frame = members[2] { add(Greeting(dialect: known, frame: try frame.greeting())) }
  }
}
