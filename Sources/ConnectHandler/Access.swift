import Telemetry

/// Who may connect. There is no key or token to check yet, so everyone is refused unless the operator opened the door.
struct Access {
  private let isOpen: Bool

  init(_ environment: Environment) { isOpen = environment["ACCESS"] == "open" }

  /// Why nobody may come in, for the operator's log; nil if everyone may.
  var refusal: String? {
    isOpen ? nil : "access is closed: set ACCESS=open to let everyone in, as on a machine of your own"
  }
}
