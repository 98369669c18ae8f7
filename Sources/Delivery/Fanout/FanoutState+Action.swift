package import Messaging
package import Telemetry

extension FanoutState {
  package enum Action {
    /// Post the frame; tell how it ended under the token.
    case post(token: Int, ConnectionID, frame: [UInt8])
    /// Close the connection at the gateway; tell how it ended under the token.
    case delete(token: Int, ConnectionID)
    /// Read the next page of deliveries.
    case page
    /// Nothing to do until an answer comes, or this moment of the monotonic clock.
    case wait(untilMilliseconds: Int64)
    case done
  }

  package static let youngMilliseconds: Int64 = 30_000

  package struct Options: Sendable {
    package var width = 64
    /// Of a call that is made again since the whole API throttles.
    package var backoff = Backoff(attempts: 6)
    /// How often a call is made at most that has no answer, or a 5xx.
    package var attemptsOfFailure = 2
    /// A 410 from a connection younger than this may only mean that its `$connect` has not quite ended: it is not gone.
    package var youngMilliseconds = FanoutState.youngMilliseconds
    /// How many deliveries are begun and not ended at most, those that wait for another attempt included. When there
    /// are so many, no further ones are begun.
    package var maximumActive = 1_024

    package init() {}
  }
}
