import Connections
import Frames
import Messaging

/// The frames of a round's events, each encoded once for a dialect and a name, however many connections get it.
struct FrameCache {
  private let events: [Event]
  /// Of each event.
  private let placements: [Placement]
  /// The cursor of a client that has all of them.
  private let cursor: String
  private var encoded: [Key: [UInt8]] = [:]
  /// Nearly every recipient of a page gets what the one before got.
  private var last: (matches: [Recipient.Match], dialect: Dialect, accepts: Accepts, packed: Packed)?

  /// Frames and, for each, the sequence of the first event that a client lacks without it.
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

  mutating func frames(_ matches: [Recipient.Match], dialect: Dialect, accepts: Accepts) -> Packed {
    if let last, last.dialect == dialect, last.accepts == accepts, last.matches == matches { return last.packed }
    let packed = pack(matches, dialect: dialect, accepts: dialect.takesBatches ? accepts : [])
    last = (matches, dialect, accepts, packed)
    return packed
  }

  private mutating func pack(_ matches: [Recipient.Match], dialect: Dialect, accepts: Accepts) -> Packed {
    let frames = FramePacking.frames(
      matches.map { frame($0, dialect: dialect) }, groups: matches.map { placements[$0.event].group },
      cursor: cursor, accepts: accepts,
      name: { matches.first.map { "\(events[$0.event].id)-\(placements.last?.sequence ?? 0)" } ?? "" })
    return Packed(frames: frames.map(\.bytes), sequences: firstSequences(frames, matches: matches))
  }

  /// For each frame, the first event that a client lacks that has only the frames before it: an event of this frame or a
  /// later one may stand for events that are older than those of the frames before.
  private func firstSequences(_ frames: [PackedFrame], matches: [Recipient.Match]) -> [Int64] {
    var lowest = Int64.max
    var from = matches.map { placements[$0.event].first }
    for index in from.indices.reversed() {
      lowest = min(lowest, from[index])
      from[index] = lowest
    }
    return frames.map { from[$0.first] }
  }

  private mutating func frame(_ match: Recipient.Match, dialect: Dialect) -> [UInt8] {
    let key = Key(event: match.event, dialect: dialect, shownAs: Array(match.shownAs.utf8))
    if let frame = encoded[key] { return frame }
    let frame = Frame.event(
      events[match.event], shownAs: match.shownAs, dialect: dialect, placement: placements[match.event])
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
      id: id, connectedAtMilliseconds: connectedAtMilliseconds, frames: [frame], firstSequences: [sequence],
      isClosedAfterwards: true)
  }

  init(recipient: Recipient, packed: FrameCache.Packed) {
    self.init(
      id: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, frames: packed.frames,
      firstSequences: packed.sequences, eventCount: recipient.matches.count)
  }
}
