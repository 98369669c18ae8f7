import Connections
import Frames
import Messaging

/// The frames of a round's events, each encoded once for a dialect and a name, however many connections get it.
struct FrameCache {
  private let events: [Event]
  /// Of each event.
  private let placements: [Placement]
  /// Where a client stands that has all of them.
  private let cursor: String
  private var encoded: [Key: [UInt8]] = [:]
  /// Nearly every recipient of a page gets what the one before got.
  private var last: (parts: [Recipient.Part], dialect: Dialect, accepts: Accepts, packed: Packed)?

  /// Frames and, for each, the first event that is lacking without it.
  struct Packed {
    let frames: [[UInt8]]
    let sequences: [Int64]
  }

  private struct Key: Hashable {
    let event: Int
    let dialect: Dialect
    let shownAs: [UInt8]
  }

  init(events: [Event], placements: [Placement], cursor: String) {
    self.events = events
    self.placements = placements
    self.cursor = cursor
  }

  mutating func frames(_ parts: [Recipient.Part], dialect: Dialect, accepts: Accepts) -> Packed {
    if let last, last.dialect == dialect, last.accepts == accepts, last.parts == parts { return last.packed }
    let packed = pack(parts, dialect: dialect, accepts: dialect == .typed ? accepts : [])
    last = (parts, dialect, accepts, packed)
    return packed
  }

  private mutating func pack(_ parts: [Recipient.Part], dialect: Dialect, accepts: Accepts) -> Packed {
    let frames = FramePacking.frames(
      parts.map { frame($0, dialect: dialect) }, groups: parts.map { placements[$0.event].group },
      cursor: cursor, accepts: accepts,
      name: { parts.first.map { "\(events[$0.event].id)-\(placements.last?.sequence ?? 0)" } ?? "" })
    return Packed(frames: frames.map(\.bytes), sequences: lacking(frames, parts: parts))
  }

  /// For each frame, what a client lacks from there on that has only the frames before it: an event of this one or a
  /// later one may stand for events that are older than those of the frames before.
  private func lacking(_ frames: [PackedFrame], parts: [Recipient.Part]) -> [Int64] {
    var lowest = Int64.max
    var from = parts.map { placements[$0.event].first }
    for place in from.indices.reversed() {
      lowest = min(lowest, from[place])
      from[place] = lowest
    }
    return frames.map { from[$0.first] }
  }

  private mutating func frame(_ part: Recipient.Part, dialect: Dialect) -> [UInt8] {
    let key = Key(event: part.event, dialect: dialect, shownAs: Array(part.shownAs.utf8))
    if let frame = encoded[key] { return frame }
    let frame = Frame.event(
      events[part.event], shownAs: part.shownAs, dialect: dialect, placement: placements[part.event])
    encoded[key] = frame
    return frame
  }
}

extension PendingDelivery {
  /// A connection whose credential has expired is told so and closed; nothing more is shown to it.
  init(expired id: ConnectionID, connectedAtMilliseconds: Int64, through sequence: Int64) {
    let frame = Frame.error(
      code: "expired", message: "the credential of this connection has expired; connect with a new one", requestID: "")
    self.init(
      id: id, connectedAtMilliseconds: connectedAtMilliseconds, frames: [frame], marks: [sequence],
      isClosedAfterwards: true)
  }

  init(recipient: Recipient, packed: FrameCache.Packed) {
    self.init(
      id: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, frames: packed.frames,
      marks: packed.sequences, eventCount: recipient.parts.count)
  }
}
