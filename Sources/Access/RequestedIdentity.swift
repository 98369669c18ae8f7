import Messaging
import Telemetry

/// What a client says of itself in its query.
package struct RequestedIdentity: Equatable, Sendable {
  package var user: String?
  package var role: String?
  package var groups: [String]

  package init(user: String? = nil, role: String? = nil, groups: [String] = []) {
    self.user = user
    self.role = role
    self.groups = groups
  }

  /// Whether a caller without a credential may say so: names no user and no group, and no other role.
  func isOfNobody(_ role: Role) -> Bool {
    user == nil && groups.isEmpty && (self.role.map { $0.hasSameBytes(as: role.rawValue) } ?? true)
  }

  /// Whether it says nothing else of who asks than what is known.
  func agrees(with identity: Identity) -> Bool {
    let known = identity.principal
    return user.map { known.user?.hasSameBytes(as: $0) ?? false } ?? true
      && role.map { known.role?.rawValue.hasSameBytes(as: $0) ?? false } ?? true
      && groups.allSatisfy { group in known.groups.contains { $0.hasSameBytes(as: group) } }
  }

  /// Who names no role may see everything; a role nobody knows sees no broadcast.
  var principalOfOpenDoor: Principal {
    Principal(user: user, roleNamed: role ?? Role.admin.rawValue, groups: groups)
  }

  /// An admin may stand in for any user; for any other caller it must be true.
  func applied(to identity: Identity) -> AccessDecision {
    let proven = identity.principal
    if proven.role == .admin {
      var identity = identity
      identity.principal = Principal(
        user: user ?? proven.user, roleNamed: role ?? Role.admin.rawValue,
        groups: groups.isEmpty ? proven.groups : groups)
      return .admitted(identity)
    }
    if let user, proven.user?.hasSameBytes(as: user) != true {
      return .refused(.forbidden("userId is not the principal's own"))
    }
    if let role, proven.role?.rawValue.hasSameBytes(as: role) != true {
      return .refused(.forbidden("role is not the principal's own"))
    }
    guard groups.allSatisfy({ group in proven.groups.contains { $0.hasSameBytes(as: group) } }) else {
      return .refused(.forbidden("groups are not the principal's own"))
    }
    return .admitted(identity)
  }

  /// What the query of a handshake, or of a request for a stream, says: `userId` (or `user_id`), `role`, `groups` with commas.
  /// `parameter` answers the value of one.
  package init(parameter: (String) -> String?) throws(InvalidIdentity) {
    user = parameter("userId") ?? parameter("user_id")
    if let user, !Name.isUser(user) {
      throw InvalidIdentity(message: "userId must be 1 to \(Limit.userBytes) bytes \(Name.rule)")
    }
    role = parameter("role")
    groups = (parameter("groups") ?? "").utf8.split(separator: UInt8(ascii: ",")).map { String(Substring($0)) }
    guard groups.count <= Limit.groups, groups.allSatisfy(Name.isGroup) else {
      throw InvalidIdentity(
        message: "groups are at most \(Limit.groups), of 1 to \(Limit.groupBytes) bytes each, \(Name.rule)")
    }
  }
}

/// A name that nobody can have. The message repeats nothing of it.
package struct InvalidIdentity: Error, Equatable {
  package let message: String
}
