package import Connections
import Telemetry

extension EventTypeTable {
  /// The event types that are built in, whatever the environment of the tests says.
  package static let standard: EventTypeTable = {
    do {
      return try EventTypeTable(environment: Environment([:]))
    } catch {
      preconditionFailure("\(error)")
    }
  }()
}
