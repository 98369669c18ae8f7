/// Why a gateway could not start.
package struct GatewayError: Error, CustomStringConvertible {
  /// What was tried, what stood in the way, and what to do about it.
  package let message: String
  /// The port on which another program listens, if that is the fault.
  package let portInUse: UInt16?

  init(message: String) {
    self.message = message
    portInUse = nil
  }

  init(_ error: ListenError) {
    message = error.description
    portInUse = error.isPortInUse ? error.port : nil
  }

  package var description: String { message }
}
