import Messaging

/// Some of the roles there are.
struct RoleSet: OptionSet, Sendable {
  let rawValue: UInt8

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ role: Role) {
    switch role {
    case .admin: rawValue = 1
    case .analyst: rawValue = 1 << 1
    case .approver: rawValue = 1 << 2
    case .viewer: rawValue = 1 << 3
    }
  }

  /// What `"*"` stands for: every role there is, but not an unknown role.
  static let all = Role.allCases.reduce(into: RoleSet()) { $0.formUnion(RoleSet($1)) }
}
