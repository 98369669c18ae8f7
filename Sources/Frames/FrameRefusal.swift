package import Telemetry

/// Why a frame is not taken, as its sender is told.
package struct FrameRefusal: Error, Equatable {
  package let code: String
  package let message: String
  /// The message as it may stand in a log.
  package let logText: LogText

  /// Without a `logText` the message is taken for one that repeats what the client wrote.
  package init(code: String, message: String, logText: LogText? = nil) {
    self.code = code
    self.message = message
    self.logText = logText ?? LogText(masking: message)
  }

  static func wrongShape(_ message: String) -> FrameRefusal { FrameRefusal(code: "wrong_shape", message: message) }
}
