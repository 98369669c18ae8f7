import JSON

// The entries of a file's `types`.
extension EventTypeTable {
  private enum Field: String, CaseIterable {
    case name, roles, aliases, family, key, conflates, personal, `public`, nestsData, version, omit, redact, state
    case description, schema, example
  }

  mutating func readTypes(_ types: [EventTypeMember], isDescribed: Bool) throws(EventTypeFileError) {
    let types = try types.map { (type) throws(EventTypeFileError) in try TypeMembers(type) }
    for members in types { try readType(members, isDescribed: isDescribed) }
    for members in types {
      try checkFamily(of: members)
      guard let state = members[.state], let name = try members[.name]?.name() else { continue }
      if let type = self.type(named: name) { try checkState(of: type, member: state) }
    }
  }

  /// The members of one entry.
  private struct TypeMembers {
    let type: EventTypeMember
    private let members: [EventTypeMember?]

    init(_ type: EventTypeMember) throws(EventTypeFileError) {
      self.type = type
      members = try type.members(Self.names, required: 2)
    }

    private static let names = Field.allCases.map(\.rawValue)

    subscript(_ name: Field) -> EventTypeMember? { Field.allCases.firstIndex(of: name).flatMap { members[$0] } }

    func flag(_ name: Field) throws(EventTypeFileError) -> Bool { try self[name]?.flag() ?? false }

    func paths(_ name: Field) throws(EventTypeFileError) -> [EventTypeMember] { try self[name]?.elements() ?? [] }
  }

  private mutating func readType(_ members: TypeMembers, isDescribed: Bool) throws(EventTypeFileError) {
    guard let name = members[.name], let roles = members[.roles] else { return }
    var type = EventType(
      name: try name.name(), otherNames: try members[.aliases]?.names() ?? [], roles: try roles.roles())
    type.family = try members[.family]?.name()
    type.conflates = try members.flag(.conflates)
    type.nestsData = try members.flag(.nestsData)
    type.version = try members[.version]?.count() ?? 1
    _ = try members[.description]?.text()
    try readAudience(members, type: &type)
    try readData(members, type: &type, isDescribed: isDescribed)
    type.state = try members[.state].map { (state) throws(EventTypeFileError) in try Self.stateRule(state, of: type) }
    if let taken = add(type) { throw members.type.fault("the name '\(taken)' stands twice") }
  }

  private func readAudience(_ members: TypeMembers, type: inout EventType) throws(EventTypeFileError) {
    type.isPersonal = try members.flag(.personal)
    type.isPublic = try members.flag(.public)
    guard let member = members[.public], type.isPublic else { return }
    guard !type.isPersonal else { throw member.fault("a personal type cannot be public") }
    guard type.roles == .all else { throw member.fault("a public type is for the roles [\"*\"]") }
  }

  /// What is said of the members of `data` has to be said of members that the schema has: a path that is misspelt would
  /// let out what it was to hold back.
  private func readData(
    _ members: TypeMembers, type: inout EventType, isDescribed: Bool
  ) throws(EventTypeFileError) {
    guard !isDescribed || members[.schema] != nil else { throw members.type.missing("schema") }
    let schema = try members[.schema].map { (schema) throws(EventTypeFileError) in try DataSchema(schema) }
    if let key = members[.key] { type.key = try key.path(in: schema, ofKey: true) }
    for path in try members.paths(.omit) { type.omitted.append(try path.path(in: schema)) }
    for path in try members.paths(.redact) { type.redacted.append(try path.path(in: schema)) }
    if let member = members[.key], let key = type.key, (type.omitted + type.redacted).contains(where: key.isWithin) {
      throw member.fault("'\(key.text)' is held back, and a key is shown")
    }
    for (path, redacted) in zip(try members.paths(.redact), type.redacted) {
      if let reason = Self.conflict(redacted: redacted, omitted: type.omitted) { throw path.fault(reason) }
    }
    guard let schema else { return }
    guard let example = members[.example] else { throw members.type.missing("example") }
    try schema.check(example)
  }

  /// Of a member and a part of it one list can hold back one: the other entry would do nothing, which nobody means who
  /// writes it.
  private static func conflict(redacted: DataPath, omitted: [DataPath]) -> String? {
    guard let other = omitted.first(where: { redacted.isWithin($0) || $0.isWithin(redacted) }) else { return nil }
    let (whole, part) = redacted.isWithin(other) ? (other.text, redacted.text) : (redacted.text, other.text)
    guard whole != part else { return "'\(whole)' is in 'omit' too; name it in one of the two" }
    return "'omit' takes out '\(other.text)', and '\(part)' is a part of '\(whole)'; name one of the two"
  }

  private func checkFamily(of members: TypeMembers) throws(EventTypeFileError) {
    guard let member = members[.family], let name = members[.name] else { return }
    let family = try member.name()
    guard family != (try name.name()) else { throw member.fault("a type is not its own family") }
    guard let type = type(named: family) else { throw member.fault("'\(family)' is not the name of a type") }
    guard type.family == nil else { throw member.fault("'\(family)' has a family itself") }
  }
}

extension EventTypeMember {
  /// A path into `data`, of a member that the schema has; a key's is of a string or a number.
  fileprivate func path(in schema: DataSchema?, ofKey isKey: Bool = false) throws(EventTypeFileError) -> DataPath {
    let names = try text().utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let path = DataPath(names: names.map { String(Substring($0)) })
    guard (1...8).contains(path.names.count), !path.names.contains("") else {
      throw fault("must be the name of a member of data, or several with a '.' between, at most 8")
    }
    guard let schema else { return path }
    guard let found = schema.schema(at: path, passingLists: !isKey) else {
      throw fault("the schema has no member '\(path.text)'")
    }
    if isKey, !found.mayBeKey { throw fault("'\(path.text)' must be a string or a number by the schema") }
    return path
  }
}
