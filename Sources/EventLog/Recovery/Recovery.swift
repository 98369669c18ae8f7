package import Frames
import Messaging

/// What a client gets when it says where it is: of each stream it follows what it lacks, or the state and what came
/// after.
package struct Recovery: Equatable, Sendable {
  package typealias Extent = ResumeOutcome.Extent
  package typealias Reason = ResumeOutcome.Reason

  /// One stream.
  package struct Part: Equatable, Sendable {
    package let stream: String
    /// Nil: the client did not follow this stream before, so it lacks nothing.
    package internal(set) var extent: Extent?
    package internal(set) var reason: Reason?
    /// How many events of the stream it will never see, whether they would have been for it or not; nil: unknown.
    package internal(set) var missed: Int64? = 0
    /// The state: the newest event of each key up to `base`; nil: the client has everything up to there.
    package internal(set) var snapshot: [LoggedEvent]?
    package internal(set) var base: Int64
    /// What came after `base` and is for this client, in order.
    package internal(set) var events: [LoggedEvent] = []
    /// Of some of these by their sequence how many earlier ones they stand for.
    package internal(set) var folded: [Int64: Int] = [:]
    /// Where the log stood; nil: there was none.
    package internal(set) var head: LogHead?
  }

  package internal(set) var parts: [Part] = []
  /// The cursor that came, if it could be read.
  package internal(set) var from: String?
  /// Where the client is once it has all of this.
  package internal(set) var cursor = Cursor()

  /// Of all streams together.
  package var extent: Extent {
    let extents = parts.compactMap(\.extent)
    if extents.allSatisfy({ $0 == .all }) { return .all }
    return extents.allSatisfy { $0 == .none } ? .none : .part
  }

  package var reason: Reason? { parts.lazy.compactMap(\.reason).first }

  package var missed: Int64? {
    var sum: Int64 = 0
    for part in parts where part.extent != nil {
      guard let missed = part.missed else { return nil }
      sum += missed
    }
    return sum
  }

  /// As a client is told.
  package var outcome: ResumeOutcome {
    var lost: [ResumeOutcome.Stream] = []
    for part in parts {
      guard let extent = part.extent, extent != .all else { continue }
      lost.append(
        ResumeOutcome.Stream(stream: part.stream, extent: extent, missed: part.missed, reason: part.reason))
    }
    return ResumeOutcome(from: from, to: cursor, extent: extent, missed: missed, reason: reason, streams: lost)
  }
}

/// How much one answer holds.
package struct RecoveryLimits: Equatable, Sendable {
  /// The newest of what a client lacks are kept.
  package var events = 10_000
  package var bytes = 4 << 20
  /// How far back the log of one stream is read for events that are for this client.
  package var scannedEvents: Int64 = 100_000
  /// What came to the user before this moment has lapsed; the reader says so.
  var lapsedMilliseconds: Int64 = 0

  package init() {}
}
