/// Who stands behind a connection, found when it connects.
public struct Principal: Equatable, Sendable {
  /// Nil: a client that said no name, where `ACCESS=open` lets it in.
  public var user: String?
  /// Nil: an unknown role, which may see no broadcast.
  public var role: Role?
  /// What an unknown role was called, fit to be shown; nil: it is known.
  package private(set) var unknownRole: String?
  /// What the events for a group are matched with.
  public var groups: [String]

  package init(user: String?, role: Role?, groups: [String] = []) {
    self.user = user
    self.role = role
    self.groups = groups
  }

  /// `role`: as a client, a credential or a row says it; nil: none was said.
  package init(user: String?, roleNamed role: String?, groups: [String] = []) {
    self.init(user: user, role: role.flatMap(Role.init), groups: groups)
    if let role, self.role == nil { unknownRole = ControlCharacter.shown(role, maximumCharacters: Self.shownOfRole) }
  }

  private static let shownOfRole = 48

  /// What an unknown role is called grants nothing.
  public static func == (left: Principal, right: Principal) -> Bool {
    (left.user, left.role) == (right.user, right.role) && left.groups == right.groups
  }
}

/// Which broadcast types a principal may see; the table of types says which role sees which.
public enum Role: String, Sendable, CaseIterable {
  case admin
  case analyst
  case approver
  case viewer

  /// `admin, analyst, …`
  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// The shape of the frames a connection gets, chosen by the query parameter `dialect`.
package enum Dialect: String, Sendable, CaseIterable {
  /// `{"type":…,"key":…,"id":…,"timestamp":…,"data":…}`.
  case typed
  /// The fields of `data` beside `type`.
  case flat
  /// `{"type":"data","message":{…}}` with a StreamMessage inside.
  case message

  // The dialects of the five source protocols know nothing of what follows: their clients get each event by itself.

  /// Whether its clients say `hello`; the others are greeted.
  package var saysHello: Bool { self == .typed }
  /// Whether a ping of the server has an answer in it; the clients of the others are not closed for answering none.
  /// Docs/decisions/0011-who-pings.md.
  package var hasPong: Bool { self == .typed }
  /// Whether its clients read batches and parts, once they said so.
  package var takesBatches: Bool { self == .typed }
  /// Whether its clients read `snapshot`; the others get the events of a state one by one.
  package var takesSnapshots: Bool { self == .typed }
}
