package import Messaging
import Telemetry

/// The event types of this process: those of `EventTypes.json`, or of the file that `EVENT_TYPES_FILE` names.
package enum EventTypes {
  /// What a name means: the canonical type, and the key where the name holds one.
  package struct Meaning: Equatable, Sendable {
    package let type: String
    package let key: String?
    /// The name that was used, where it is another than the canonical one: a client sees the name it asked by.
    package let shownAs: String?
  }

  private static let loaded: Result<EventTypeTable, EventTypeFileError> = {
    do throws(EventTypeFileError) {
      return .success(try EventTypeTable(environment: .process))
    } catch {
      return .failure(error)
    }
  }()

  /// The table of this process; if its file is bad, an empty one, by which no connection sees anything.
  package static let table: EventTypeTable = (try? loaded.get()) ?? .empty

  /// Reads the file: every function calls this at its start, so that it does not run with a bad one.
  package static func load() throws(EventTypeFileError) { _ = try loaded.get() }

  package static func meaning(of name: String) -> Meaning { table.meaning(of: name) }

  /// Everything a name in a subscription stands for: a name, a bundle, or with a trailing `*` the known types whose
  /// name, or another of whose names, begins so. Empty if no known type does.
  package static func meanings(of name: String) -> [Meaning] { table.meanings(of: name) }

  /// Whether a broadcast of that type may be seen.
  package static func mayBeSeen(_ type: String, by role: Role?) -> Bool { table.mayBeSeen(type, by: role) }
}
