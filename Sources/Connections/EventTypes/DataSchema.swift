import JSON

/// What the data of a type's events look like: the few keywords of JSON Schema (2020-12) that such data needs. `type`,
/// `properties`, `required`, `items`, `enum`; `description` says something to readers. What is not said may be anything, and
/// members that are not named may be there.
struct DataSchema {
  /// One of the kinds; nil: any.
  private let kinds: [Kind]?
  private let properties: [(name: String, schema: DataSchema)]
  private let required: [String]
  private let items: [DataSchema]
  private let choices: [JSONValue]

  enum Kind: String, CaseIterable {
    case object, array, string, number, integer, boolean, null
  }

  private enum Keyword: String, CaseIterable {
    case type, properties, required, items, `enum`, description
  }

  // MARK: Reading

  init(_ member: EventTypeMember) throws(EventTypeFileError) {
    let members = try member.members(Keyword.allCases.map(\.rawValue), required: 0)
    kinds = try members[0].map(Self.kinds)
    properties = try members[1].map(Self.properties) ?? []
    required = try Self.required(members[2], of: properties.map(\.name))
    items = try members[3].map { (items) throws(EventTypeFileError) in [try DataSchema(items)] } ?? []
    choices = try members[4]?.elements().map(\.tree) ?? []
    _ = try members[5]?.text()
  }

  private static func kinds(_ member: EventTypeMember) throws(EventTypeFileError) -> [Kind] {
    var kinds: [Kind] = []
    for element in try member.listOrOne() {
      guard let kind = Kind(rawValue: try element.text()) else {
        throw element.fault("must be one of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      kinds.append(kind)
    }
    return kinds
  }

  private static func properties(
    _ member: EventTypeMember
  ) throws(EventTypeFileError) -> [(name: String, schema: DataSchema)] {
    var properties: [(name: String, schema: DataSchema)] = []
    for (name, value) in try member.everyMember() { properties.append((name, try DataSchema(value))) }
    return properties
  }

  private static func required(
    _ member: EventTypeMember?, of properties: [String]
  ) throws(EventTypeFileError) -> [String] {
    var names: [String] = []
    for element in try member?.elements() ?? [] {
      let name = try element.text()
      guard properties.contains(name) else { throw element.fault("'\(name)' is none of the properties") }
      names.append(name)
    }
    return names
  }

  // MARK: Asking

  /// What it says of a member; nil: it has none of that name.
  func schema(at path: DataPath, passingLists: Bool) -> DataSchema? {
    var schema = self
    for name in path.names {
      while passingLists, schema.properties.isEmpty, let items = schema.items.first { schema = items }
      guard let property = schema.properties.first(where: { $0.name == name }) else { return nil }
      schema = property.schema
    }
    return schema
  }

  var mayBeKey: Bool { kinds?.allSatisfy { $0 == .string || $0 == .number || $0 == .integer } ?? false }

  // MARK: Checking

  /// Whether a value is as the schema says; the error names the member that is not.
  func check(_ value: EventTypeMember) throws(EventTypeFileError) {
    if let kinds, !kinds.contains(where: { $0.holds(value.tree) }) {
      throw value.fault("must be \(kinds.map(\.rawValue).joined(separator: " or ")) by the schema")
    }
    if !choices.isEmpty, !choices.contains(value.tree) { throw value.fault("is none of the values of the schema") }
    if case .array = value.tree, let items = items.first {
      for element in try value.elements() { try items.check(element) }
    }
    guard case .object = value.tree else { return }
    let members = try value.everyMember()
    for name in required where !members.contains(where: { $0.name == name }) {
      throw value.fault("lacks '\(name)', which the schema requires")
    }
    for member in members {
      for property in properties where property.name == member.name { try property.schema.check(member.value) }
    }
  }
}

extension DataSchema.Kind {
  func holds(_ value: JSONValue) -> Bool {
    switch (value, self) {
    case (.object, .object), (.array, .array), (.string, .string): true
    case (.plain(let bytes), _): Self.kinds(ofPlain: bytes).contains(self)
    default: false
    }
  }

  private static func kinds(ofPlain bytes: [UInt8]) -> [Self] {
    switch bytes.first {
    case UInt8(ascii: "t"), UInt8(ascii: "f"): [.boolean]
    case UInt8(ascii: "n"): [.null]
    default: bytes.contains { ".eE".utf8.contains($0) } ? [.number] : [.number, .integer]
    }
  }
}
