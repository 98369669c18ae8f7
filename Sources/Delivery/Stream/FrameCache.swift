import Connections
import Frames
import Messaging

/// The frames of a round's events, each encoded once for a dialect and a name, however many connections get it.
struct FrameCache {
  private let events: [PlacedEvent]
  private let types: EventTypeTable
  /// The cursor of a client that has all of them.
  private let cursor: String
  private var encoded: [Key: [UInt8]] = [:]
  /// Nearly every recipient of a page gets what the one before got.
  private var last: (matches: [Recipient.Match], dialect: Dialect, accepts: Accepts, frames: [OutgoingFrame])?
  /// The events of the frames that were made last.
  private(set) var lastEvents: [EncodedEvent] = []

  private struct Key: Hashable {
    let event: Int
    let dialect: Dialect
    let shownAs: [UInt8]
  }

  init(events: [PlacedEvent], types: EventTypeTable, cursor: String) {
    self.events = events
    self.types = types
    self.cursor = cursor
  }

  /// `matches`: of the round's events those that are for a connection.
  mutating func frames(_ matches: [Recipient.Match], dialect: Dialect, accepts: Accepts) -> [OutgoingFrame] {
    if let last, last.dialect == dialect, last.accepts == accepts, last.matches == matches { return last.frames }
    lastEvents = matches.map { encode($0, dialect: dialect) }
    let frames = FramePacking.frames(
      lastEvents, cursor: cursor, accepts: accepts.allowed(in: dialect),
      name: { matches.first.map { "\(events[$0.event].event.id)-\(events.last?.placement.sequence ?? 0)" } ?? "" })
    last = (matches, dialect, accepts, frames)
    return frames
  }

  private mutating func encode(_ match: Recipient.Match, dialect: Dialect) -> EncodedEvent {
    let placement = events[match.event].placement
    return EncodedEvent(
      bytes: frame(match, dialect: dialect), firstSequence: placement.first, sequence: placement.sequence,
      group: placement.group)
  }

  private mutating func frame(_ match: Recipient.Match, dialect: Dialect) -> [UInt8] {
    let key = Key(event: match.event, dialect: dialect, shownAs: Array(match.shownAs.utf8))
    if let frame = encoded[key] { return frame }
    let placed = events[match.event]
    let frame = ServerFrame.event(
      placed.event, shownAs: match.shownAs, style: types.style(of: placed.event.type, shownAs: match.shownAs),
      dialect: dialect, placement: placed.placement)
    encoded[key] = frame
    return frame
  }
}

extension PendingDelivery {
  /// A connection whose credential has expired is told so and closed; nothing more is shown to it. It lacks nothing before
  /// `sequence`.
  init(expired id: ConnectionID, connectedAtMilliseconds: Int64, through sequence: Int64) {
    let frame = ServerFrame.error(
      code: "expired", message: "the credential of this connection has expired; connect with a new one", requestID: "")
    self.init(
      id: id, connectedAtMilliseconds: connectedAtMilliseconds,
      frames: [OutgoingFrame(bytes: frame, firstSequence: sequence)], isClosedAfterwards: true)
  }

  init(recipient: Recipient, frames: [OutgoingFrame], alerts: [Int64]) {
    self.init(
      id: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, frames: frames,
      eventCount: recipient.matches.count, alerts: alerts)
  }
}
