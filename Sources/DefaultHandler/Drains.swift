import AWS
import Connections
import JSON
import Telemetry

/// Asks the Publisher to send what a stream holds: a connection may lack something of it that nobody is about to send.
struct Drains {
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
    writer.object { $0.member("drain", stream) }
    do {
      try invocation.invokeLater(function, payload: writer.bytes)
    } catch {
      log.warn("not drained; the sweep will send it", ["stream": .stream(stream), "reason": .own(LogText(error))])
    }
  }
}
