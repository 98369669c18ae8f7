import Connections
import Telemetry

/// What posts frames to connections: `Fanout`, or a stand-in of a test.
package protocol FrameSender {
  /// `keepsOn` is asked now and then; after false nothing more is sent.
  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: () -> [PendingDelivery]?,
    failed: (PendingDelivery, DeliveryFailure) -> Void
  ) -> DeliveryCounts
}

extension Fanout: FrameSender {}

extension Fanout.Options {
  /// A round does not wait for a client that takes its time: what it lacks comes to it from the log.
  package static var inRounds: Self {
    var options = Self()
    options.tailTimeout = TailTimeout()
    options.state.backoff.baseMilliseconds = 50
    return options
  }

  /// Connections that lag get one attempt each when it is due.
  package static var ofLagging: Self {
    var options = Self()
    options.state.backoff.attempts = 1
    options.state.attemptsOfFailure = 1
    return options
  }
}
