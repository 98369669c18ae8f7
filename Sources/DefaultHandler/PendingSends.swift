import AWS
import Connections
import JSON
import Telemetry

/// Asks the Publisher to send the pending events of a stream: a connection may lack some that no process is about to send.
struct PendingSends {
  /// `PUBLISHER_FUNCTION`; nil: the next event of the stream brings it along, or the sweep.
  private let function: String?
  private let invocation: any AsynchronousInvocation

  init(_ environment: Environment, _ invocation: any AsynchronousInvocation) {
    function = environment["PUBLISHER_FUNCTION"]
    self.invocation = invocation
  }

  func ask(for stream: String, log: Log) {
    guard let function else { return }
    var writer = JSONWriter()
    writer.object { $0.member("sendPending", stream) }
    do {
      try invocation.invokeLater(function, payload: writer.bytes)
    } catch {
      log.warn(
        "pending events not asked for; the sweep will send them",
        ["stream": .stream(stream), "reason": .own(LogText(error))])
    }
  }
}
