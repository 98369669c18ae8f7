import Telemetry

/// What posts frames to connections: `Fanout`, or a stand-in of a test.
package protocol FrameSender {
  /// `keepsOn` is asked now and then; after false nothing more is sent. `nextPage` is given what failed since it was called
  /// before; what failed after the last call comes with the result.
  func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool, nextPage: ([DeliveryFailure]) -> [PendingDelivery]?
  ) -> DeliveryResult
}

extension FrameSender {
  /// Posts to the connections of one page, and says of each that failed why: *unsent* if the time was up before the page was
  /// asked for.
  func deliver(_ page: [PendingDelivery], deadlineMilliseconds: Int64) -> DeliveryResult {
    var unread: [PendingDelivery]? = page
    var failures: [DeliveryFailure] = []
    var result = deliver(deadlineMilliseconds: deadlineMilliseconds, keepsOn: { true }) { failed in
      failures += failed
      defer { unread = nil }
      return unread
    }
    result.failures += failures
    for delivery in unread ?? [] { result.failures.append(DeliveryFailure(.unsent, of: delivery)) }
    return result
  }
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
