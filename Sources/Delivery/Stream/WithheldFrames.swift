import Connections
import EventLog
import Frames
import Messaging
import Telemetry

// What a connection is not sent yet although it would take it: `Withheld`.

/// Those of a connection's frames that it is sent now, and the rest.
struct LimitedFrames {
  let now: ArraySlice<OutgoingFrame>
  /// Nil: there is no rest.
  let rest: Rest?

  struct Rest {
    let withheld: Withheld
    /// When the next of it may be sent, in milliseconds since the epoch.
    let dueAtMilliseconds: Int64
    /// The first event of it that the connection lacks; nil: it begins where the connection's part of the log does.
    var from: Int64?
  }

  static func all(_ frames: [OutgoingFrame]) -> Self { Self(now: frames[...], rest: nil) }

  static func none(_ rest: Rest) -> Self { Self(now: [], rest: rest) }
}

extension StreamSender {
  /// A client without batches gets so many frames a second (`FrameBudget`); those that it may not be sent now, up to the
  /// event `through`, are the rest. `after`: what it has of them from before. `urgent`: the last urgent one, which waits for
  /// nothing, and nothing before it is passed by it.
  func limited(
    _ frames: [OutgoingFrame], to id: ConnectionID, through: Int64, after: Int64 = 0, urgent: Int64
  ) -> LimitedFrames {
    guard let budget else { return .all(frames) }
    let now = clock.milliseconds()
    let least = urgent > 0 ? frames.lastIndex { $0.lastSequence <= urgent }.map { $0 + 1 } ?? 0 : 0
    let count = budget.acquire(id, frames: frames.count, least: least, nowMilliseconds: now)
    guard count < frames.count else { return .all(frames) }
    let withheld = Withheld(
      through: through, after: count > 0 ? frames[count - 1].lastSequence : after,
      paidUntilMilliseconds: budget.paidUntil(id, nowMilliseconds: now))
    return LimitedFrames(
      now: frames.prefix(count),
      rest: LimitedFrames.Rest(
        withheld: withheld, dueAtMilliseconds: budget.due(id, left: frames.count - count, nowMilliseconds: now)))
  }
}

extension PlacedEvent {
  /// The sequence of the last urgent one of a connection; 0: there is none.
  static func lastUrgent(of matches: [Recipient.Match], among events: [PlacedEvent]) -> Int64 {
    matches.last { events[$0.event].event.isUrgent }.map { events[$0.event].placement.sequence } ?? 0
  }
}

extension Lag {
  /// Of a connection that has what it was sent.
  init(id: ConnectionID, from: Int64, rest: LimitedFrames.Rest) {
    self.init(
      id: id, from: rest.from ?? from, pace: .slow, dueAtMilliseconds: rest.dueAtMilliseconds, withheld: rest.withheld)
  }
}

extension Accepts {
  /// Whether a client of that dialect gets the events of a round in one frame.
  func takesBatches(_ dialect: Dialect) -> Bool { dialect.takesBatches && contains(.batch) }
}
