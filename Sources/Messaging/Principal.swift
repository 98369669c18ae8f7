/// Who stands behind a connection, found when it connects.
public struct Principal: Equatable, Sendable {
  /// Nil: a client that said no name, where `ACCESS=open` lets it in.
  public var user: String?
  /// Nil: an unknown role, which may see no broadcast.
  public var role: Role?
  /// What the events for a group are matched with.
  public var groups: [String]

  package init(user: String?, role: Role?, groups: [String] = []) {
    self.user = user
    self.role = role
    self.groups = groups
  }
}

/// Which broadcast types a principal may see; the table of types says which role sees which.
public enum Role: String, Sendable, CaseIterable {
  case admin
  case analyst
  case approver
  case viewer
}

/// The shape of the frames a connection gets, chosen by the query parameter `dialect`.
package enum Dialect: String, Sendable, CaseIterable {
  /// `{"type":…,"key":…,"id":…,"timestamp":…,"data":…}`.
  case typed
  /// The fields of `data` beside `type`.
  case flat
  /// `{"type":"data","message":{…}}` with a StreamMessage inside.
  case message
}
