package import Messaging

/// A connection and the frames it is to get, in order.
///
/// The frames are encoded once by the caller and shared by all listeners that get the same ones: copying the value
/// copies references.
package struct Listener: Sendable {
  package let id: ConnectionID
  /// When its socket was opened, in milliseconds since the epoch.
  package let connectedAtMilliseconds: Int64
  package let frames: [[UInt8]]
  /// What the caller wants to know of each frame when it did not arrive; shared as the frames are.
  package let marks: [Int64]
  /// How many events its frames carry, for whoever counts.
  package let eventCount: Int
  /// Its connection is closed once it has its frames.
  package let isClosedAfterwards: Bool

  package init(
    id: ConnectionID, connectedAtMilliseconds: Int64, frames: [[UInt8]], marks: [Int64] = [], eventCount: Int = 0,
    isClosedAfterwards: Bool = false
  ) {
    self.id = id
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.frames = frames
    self.marks = marks
    self.eventCount = eventCount
    self.isClosedAfterwards = isClosedAfterwards
  }
}

/// Why a listener did not get all of its frames.
package struct Ending: Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    /// The gateway does not know the connection, and was told to close it should it live: its rows can be removed.
    case gone
    /// The gateway refused with this status, at the last attempt if there were several.
    case refused(status: Int)
    /// No answer came, at the last attempt.
    case broken(String)
    /// Time was up. The frame in question may have arrived nevertheless.
    case unsent
  }

  package let reason: Reason
  /// The place among the listener's frames of the first one it lacks; it may have some of those after it.
  package let firstMissing: Int

  package init(_ reason: Reason, firstMissing: Int) {
    self.reason = reason
    self.firstMissing = firstMissing
  }
}

/// What came of a fan-out.
package struct Tally: Sendable, Equatable {
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
  /// False if the time was up before the last page was read: then `unsent` does not count the rest.
  package var isEveryPageRead = true

  package init() {}
}
