import Messaging

/// What the file says of one event type. `Docs/events.md` shows it for the types that are built in.
struct EventType: Sendable {
  let name: String
  /// Other spellings of its name.
  let otherNames: [String]
  /// The roles that see its broadcasts.
  let roles: RoleSet
  /// Whoever asks for this type gets its events too, under the family's name.
  var family: String?
  /// The member of `data` that an event's key is taken from where its publisher gives none.
  var key: DataPath?
  var conflates = false
  var isPersonal = false
  var isPublic = false
  var nestsData = false
  /// Of the form of `data`; goes with every event.
  var version = 1
  /// Members of `data` that never leave.
  var omitted: [DataPath] = []
  /// Members of `data` whose values never leave.
  var redacted: [DataPath] = []
  /// What its events to one user or group do to the state of that user or group; nil: nothing is kept of them.
  var state: StateRule?
}

/// A member of `data`, by the names on the way to it: `account.number`. A list on the way stands for each of its elements.
struct DataPath: Equatable, Sendable {
  let names: [String]

  init(names: [String]) { self.names = names }

  var text: String { names.joined(separator: ".") }

  /// Whether the member is the other one, or a part of it.
  func isWithin(_ other: DataPath) -> Bool { names.starts(with: other.names) }
}
