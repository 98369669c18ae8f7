import Messaging
import Streams

/// The frames of a run of events, each encoded once for a dialect and a name, however many connections get it.
struct FrameCache {
  private let run: EventRun
  private var frames: [Key: [UInt8]] = [:]
  /// Nearly every recipient of a page gets what the one before got.
  private var last: (parts: [Recipient.Part], dialect: Dialect, frames: [[UInt8]])?

  private struct Key: Hashable {
    let event: Int
    let dialect: Dialect
    let shownAs: [UInt8]
  }

  init(_ run: EventRun) { self.run = run }

  mutating func frames(for recipient: Recipient) -> [[UInt8]] {
    if let last, last.dialect == recipient.dialect, last.parts == recipient.parts { return last.frames }
    let frames = recipient.parts.map { frame($0, recipient.dialect) }
    last = (recipient.parts, recipient.dialect, frames)
    return frames
  }

  private mutating func frame(_ part: Recipient.Part, _ dialect: Dialect) -> [UInt8] {
    let key = Key(event: part.event, dialect: dialect, shownAs: Array(part.shownAs.utf8))
    if let frame = frames[key] { return frame }
    let frame = Frame.event(run.events[part.event], shownAs: part.shownAs, dialect)
    frames[key] = frame
    return frame
  }
}
