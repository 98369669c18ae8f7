import Connections
import JSON
import Messaging

/// One row of a file of routes while it is read.
struct RouteRow {
  private(set) var route = Route()
  private let types: EventTypeTable

  private enum Field: String, CaseIterable {
    case path, name, method, access, audience, user, types, typesFrom, keys, keyed, key, framing, form, snapshots
    case `repeat`, heartbeat, endsWith, errors, exists, allowHeaders
  }

  private struct Members {
    let found: [EventTypeMember?]

    subscript(_ field: Field) -> EventTypeMember? { Field.allCases.firstIndex(of: field).flatMap { found[$0] } }
  }

  init(_ row: EventTypeMember, types: EventTypeTable) throws(EventTypeFileError) {
    self.types = types
    let members = Members(found: try row.members(Field.allCases.map(\.rawValue), required: 2))
    try readAddress(members)
    try readAccess(members)
    try readTypes(members, of: row)
    try readFrames(members)
    try readEnds(members)
  }

  // MARK: Where it is

  private mutating func readAddress(_ members: Members) throws(EventTypeFileError) {
    if let path = members[.path] {
      route.path = RoutePath(try path.text())
      guard route.path.text.hasBytePrefix("/"), Name.isKey(route.path.text) else {
        throw path.fault("must begin with '/', as in \"/api/stream/prices\"")
      }
    }
    if let name = members[.name] {
      route.name = try name.text()
      let isPlain = route.name.utf8.allSatisfy { 0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == UInt8(ascii: "-") }
      guard (1...32).contains(route.name.utf8.count), isPlain else {
        throw name.fault("must be 1 to 32 of a to z, 0 to 9 and '-'")
      }
    }
    route.method = try Self.choice(members[.method], standard: .get)
  }

  // MARK: Whose it is

  private mutating func readAccess(_ members: Members) throws(EventTypeFileError) {
    route.access = try Self.choice(members[.access], standard: .required)
    if let audience = members[.audience] {
      switch try audience.text() {
      case "user": route.needsUser = true
      case "everyone": break
      default: throw audience.fault("must be one of everyone, user")
      }
      if route.needsUser, route.access == .open { throw audience.fault("a public route has no user") }
    }
    if let user = members[.user] {
      route.userParameter = try parameter(user)
      guard route.needsUser else { throw user.fault("needs \"audience\": \"user\"") }
    }
    if let exists = members[.exists] {
      let parts = try exists.members(["type", "message"], required: 2)
      guard let type = parts[0], let message = parts[1] else { return }
      route.existence = Route.Existence(type: try known(type), message: try message.text())
    }
  }

  // MARK: What it shows

  private mutating func readTypes(_ members: Members, of row: EventTypeMember) throws(EventTypeFileError) {
    for type in try members[.types]?.elements() ?? [] { route.types.append(try known(type)) }
    for type in try members[.keyed]?.elements() ?? [] { route.keyedTypes.append(try known(type)) }
    if let from = members[.typesFrom] {
      let name = try from.text()
      route.typesFrom = name == "body" ? .body : .query(name)
      if name == "body", route.method != .post { throw from.fault("a body comes with POST alone") }
    }
    if let keys = members[.keys] { route.keysParameter = try keys.text() }
    if let key = members[.key] { route.keyParameter = try parameter(key) }
    if (route.keyParameter == nil) != route.keyedTypes.isEmpty {
      throw row.fault("needs both 'keyed' and 'key', or neither")
    }
    if let exists = members[.exists], route.keyParameter == nil { throw exists.fault("needs a 'key'") }
    guard route.typesFrom != nil || !(route.types + route.keyedTypes).isEmpty else { throw row.fault("shows no type") }
  }

  private mutating func readFrames(_ members: Members) throws(EventTypeFileError) {
    route.framing = try Self.choice(members[.framing], standard: .named)
    route.form = try Self.choice(members[.form], standard: .own)
    route.errors = try Self.choice(members[.errors], standard: .full)
    for snapshot in try members[.snapshots]?.elements() ?? [] { route.snapshots.append(try self.snapshot(snapshot)) }
    if let heartbeat = members[.heartbeat] {
      let parts = try heartbeat.members(["event", "seconds"], required: 2)
      guard let event = parts[0], let seconds = parts[1] else { return }
      route.heartbeat = Route.Heartbeat(event: try event.text(), seconds: Int64(try seconds.count()))
    }
    guard let headers = members[.allowHeaders] else { return }
    var names: [String] = []
    for header in try headers.elements() {
      let name = try header.text()
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else { throw header.fault("is no name of a header") }
      names.append(name)
    }
    route.allowedHeaders = names
  }

  private func snapshot(_ member: EventTypeMember) throws(EventTypeFileError) -> Route.Snapshot {
    let parts = try member.members(["type", "list", "flag", "total"], required: 1)
    guard let type = parts[0] else { throw member.fault("has no type") }
    var snapshot = Route.Snapshot(type: try shown(type))
    snapshot.list = try parts[1]?.text()
    snapshot.flag = try parts[2]?.text()
    snapshot.total = try parts[3]?.text()
    if let total = parts[3], snapshot.list == nil { throw total.fault("needs a 'list'") }
    return snapshot
  }

  private mutating func readEnds(_ members: Members) throws(EventTypeFileError) {
    for type in try members[.endsWith]?.elements() ?? [] { route.endsWith.append(try shown(type)) }
    guard let repeated = members[.repeat] else { return }
    let parts = try repeated.members(["types", "seconds"], required: 2)
    var repeatedTypes: [String] = []
    for type in try parts[0]?.elements() ?? [] { repeatedTypes.append(try shown(type)) }
    route.repeated = Route.Repeated(types: repeatedTypes, seconds: Int64(try parts[1]?.count() ?? 30))
  }

  // MARK: Values

  /// A type of the file of event types, by any of its names. A public route has public types alone.
  private func known(_ member: EventTypeMember) throws(EventTypeFileError) -> String {
    let name = try member.name()
    let meanings = types.meanings(of: name)
    guard !meanings.isEmpty, meanings.allSatisfy({ types.isKnown($0.type) }) else {
      throw member.fault("'\(name)' is no type of the file of event types")
    }
    if route.access == .open, let type = meanings.first(where: { !types.isPublic($0.type) }) {
      throw member.fault("'\(type.type)' is not public, and the route is")
    }
    return name
  }

  private func shown(_ member: EventTypeMember) throws(EventTypeFileError) -> String {
    let name = try known(member)
    guard (route.types + route.keyedTypes).contains(name) else {
      throw member.fault("'\(name)' is none of the route's types")
    }
    return name
  }

  private func parameter(_ member: EventTypeMember) throws(EventTypeFileError) -> String {
    let name = try member.text()
    guard route.path.parameters.contains(name) else { throw member.fault("'\(name)' is no segment of the path") }
    return name
  }

  private static func choice<Value: RawRepresentable & CaseIterable>(
    _ member: EventTypeMember?, standard: Value
  ) throws(EventTypeFileError) -> Value where Value.RawValue == String {
    guard let member else { return standard }
    guard let value = Value(rawValue: try member.text()) else {
      throw member.fault("must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return value
  }

  /// RFC 9110, section 5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    0x21...0x7E ~= byte && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
  }
}
