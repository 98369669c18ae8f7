import Connections
package import Messaging

/// A connection and the frames it is to get, in order.
///
/// The frames are encoded once by the caller and shared by all listeners that get the same ones: copying the value
/// copies references.
package struct PendingDelivery: Sendable {
  package let id: ConnectionID
  /// When its socket was opened, in milliseconds since the epoch.
  package let connectedAtMilliseconds: Int64
  package let frames: [[UInt8]]
  /// For each frame the sequence of the first event that the connection lacks without it; shared as the frames are.
  package let firstSequences: [Int64]
  /// How many events its frames carry, for the counts.
  package let eventCount: Int
  /// Its connection is closed once it has its frames; at once if it has none.
  package let isClosedAfterwards: Bool

  package init(
    id: ConnectionID, connectedAtMilliseconds: Int64, frames: [[UInt8]], firstSequences: [Int64] = [],
    eventCount: Int = 0,
    isClosedAfterwards: Bool = false
  ) {
    self.id = id
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.frames = frames
    self.firstSequences = firstSequences
    self.eventCount = eventCount
    self.isClosedAfterwards = isClosedAfterwards
  }
}

/// Why a listener did not get all of its frames.
package struct DeliveryFailure: Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    /// The gateway does not know the connection, which is too old to be on its way in; or has closed it as it was told.
    case gone
    /// The gateway refused with this status, at the last attempt if there were several. 410: the connection is young and
    /// may be on its way in.
    case refused(status: Int)
    /// The connection to the gateway broke before an answer came, at the last attempt.
    case broken(String)
    /// No answer came as long as one was waited for. The frame may have arrived nevertheless, or arrive later.
    case hung
    /// Nobody could be called, for this reason.
    case unreachable(String)
    /// Time was up before the frame in question was posted.
    case unsent
  }

  package let reason: Reason
  /// The index among the listener's frames of the first one it lacks; it may have some of those after it.
  package let firstUndelivered: Int

  package init(_ reason: Reason, firstUndelivered: Int) {
    self.reason = reason
    self.firstUndelivered = firstUndelivered
  }
}

/// What came of a fan-out.
package struct DeliveryCounts: Sendable, Equatable {
  /// Frames that were posted and answered with 200.
  package var deliveries = 0
  /// Connections that turned out to be closed, each counted once.
  package var gone = 0
  /// Calls that were made again.
  package var retried = 0
  /// Frames given up: refused, or without an answer after the last attempt.
  package var failed = 0
  /// Frames for which the time was up.
  package var unsent = 0
  /// Connections one of whose answers came later than `promptMilliseconds`.
  package var slow: Set<ConnectionID> = []

  /// An answer that comes within so long is prompt.
  package static let promptMilliseconds: Int64 = 250
  /// False if the time was up before the last page was read: then `unsent` does not count the rest.
  package var isEveryPageRead = true

  package init() {}
}
