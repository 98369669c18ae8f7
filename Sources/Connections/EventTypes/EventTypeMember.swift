import Frames
package import JSON
import Messaging

/// A value in a file of event types, or in another file that is read as strictly, and where it stands.
package struct EventTypeMember {
  let file: String
  let path: JSONPath
  package let tree: JSONValue

  package init(file: String, path: JSONPath, _ tree: JSONValue) {
    self.file = file
    self.path = path
    self.tree = tree
  }

  package func fault(_ reason: String) -> EventTypeFileError {
    EventTypeFileError(file: file, member: path.text, reason: reason)
  }

  func missing(_ name: String) -> EventTypeFileError { fault(at: name, reason: "is missing") }

  /// The fault of a member, which may be missing.
  private func fault(at name: String, reason: String) -> EventTypeFileError {
    EventTypeFileError(file: file, member: JSONPath.member(name, of: path).text, reason: reason)
  }

  /// The values of an object's members, in the order of `names`: the first `required` of these must be there, none else
  /// may be, and none twice.
  package func members(_ names: [String], required: Int) throws(EventTypeFileError) -> [EventTypeMember?] {
    guard case .object(let members) = tree else { throw fault("must be an object") }
    var found = [EventTypeMember?](repeating: nil, count: names.count)
    for member in members {
      guard let index = names.firstIndex(of: member.name) else {
        throw fault(
          at: String(member.name.prefix(64)), reason: "is not known; there are \(names.joined(separator: ", "))")
      }
      guard found[index] == nil else { throw fault(at: member.name, reason: "stands twice") }
      found[index] = EventTypeMember(file: file, path: .member(member.name, of: path), member.value)
    }
    for index in 0..<required where found[index] == nil { throw missing(names[index]) }
    return found
  }

  package func elements() throws(EventTypeFileError) -> [EventTypeMember] {
    guard case .array(let elements) = tree else { throw fault("must be a list") }
    guard elements.count <= 1000 else { throw fault("holds \(elements.count) elements; at most 1000 are allowed") }
    return elements.enumerated().map { EventTypeMember(file: file, path: .element($0.offset, of: path), $0.element) }
  }

  package func flag() throws(EventTypeFileError) -> Bool {
    switch tree {
    case .plain(Array("true".utf8)): return true
    case .plain(Array("false".utf8)): return false
    default: throw fault("must be true or false")
    }
  }

  /// A whole number from 1 on.
  package func count() throws(EventTypeFileError) -> Int {
    guard case .plain(let bytes) = tree, let count = Int(String(decoding: bytes, as: UTF8.self)),
      (1...999_999).contains(count)
    else { throw fault("must be a whole number from 1 to 999999") }
    return count
  }

  package func text() throws(EventTypeFileError) -> String {
    guard case .string(let text) = tree else { throw fault("must be a string") }
    return text
  }

  /// The elements of a list, or what stands there as the only one.
  func listOrOne() throws(EventTypeFileError) -> [EventTypeMember] {
    if case .array = tree { return try elements() }
    return [self]
  }

  /// The members of an object whose names are not known beforehand; none of them stands twice.
  func everyMember() throws(EventTypeFileError) -> [(name: String, value: EventTypeMember)] {
    guard case .object(let members) = tree else { throw fault("must be an object") }
    var found: [(name: String, value: EventTypeMember)] = []
    for member in members {
      guard !found.contains(where: { $0.name == member.name }) else {
        throw fault(at: member.name, reason: "stands twice")
      }
      found.append((member.name, EventTypeMember(file: file, path: .member(member.name, of: path), member.value)))
    }
    return found
  }

  package func names() throws(EventTypeFileError) -> [String] {
    var names: [String] = []
    for element in try elements() { names.append(try element.name()) }
    return names
  }

  /// Visible ASCII: what looks the same is the same.
  package func name() throws(EventTypeFileError) -> String {
    let text = try text()
    guard Name.isType(text), text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      throw fault("must be 1 to \(Limit.typeBytes) visible ASCII characters without '*'")
    }
    guard !ControlType.isReserved(text) else { throw fault("'\(text)' is a name of the protocol's own frames") }
    return text
  }

  /// Names of roles, or `["*"]` for every one.
  func roles() throws(EventTypeFileError) -> RoleSet {
    var roles: RoleSet = []
    for element in try elements() {
      if element.tree == .string("*") {
        roles = .all
      } else if case .string(let text) = element.tree, let role = Role(rawValue: text) {
        roles.insert(RoleSet(role))
      } else {
        throw element.fault("must be \"*\" or one of \(Role.names)")
      }
    }
    return roles
  }

  /// A frame to send: an object with a type, whose words that begin with `$` are known.
  func greeting() throws(EventTypeFileError) -> JSONValue {
    guard case .object(let members) = tree, let type = members.first(where: { $0.name == "type" }),
      case .string = type.value
    else { throw fault("must be an object with a 'type'") }
    try checkFields()
    return tree
  }

  private func checkFields() throws(EventTypeFileError) {
    switch tree {
    case .object(let members):
      for member in members {
        try EventTypeMember(file: file, path: .member(member.name, of: path), member.value).checkFields()
      }
    case .array: for element in try elements() { try element.checkFields() }
    case .string(let text):
      guard !text.hasBytePrefix("$") || GreetingFields.names.contains(text) else {
        throw fault("'\(text)' is not known; there are \(GreetingFields.names.joined(separator: ", "))")
      }
    case .plain: break
    }
  }
}
