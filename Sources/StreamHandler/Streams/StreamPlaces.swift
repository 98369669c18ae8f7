import EventLog
import Frames
import Messaging

/// A stream of the log that an open answer follows, and where it is in it.
struct FollowedPlace {
  let stream: String
  let followed: FollowedStream
  var position: FollowedPosition
  private var cursorLog: Cursor.Log

  init(stream: String, followed: FollowedStream, position: FollowedPosition) {
    self.stream = stream
    self.followed = followed
    self.position = position
    cursorLog = Cursor.Log(stream: stream, epoch: position.epoch)
  }

  mutating func advance(to sequence: Int64, epoch: String) {
    if epoch != position.epoch { cursorLog = Cursor.Log(stream: stream, epoch: epoch) }
    position = FollowedPosition(epoch: epoch, sequence: sequence)
  }

  var isBehind: Bool { followed.isAhead(of: position) }

  func set(in cursor: inout Cursor, to sequence: Int64) { cursor.set(cursorLog, to: sequence) }
}

/// An event that is to be shown, of one of the streams that are followed.
struct ShownEvent {
  let place: Int
  let logged: LoggedEvent
  let shownAs: String
  var folded = 0
}

enum ShownEvents {
  /// Several streams as one, in the order of time; of each stream in its own order.
  static func merged(_ streams: [[ShownEvent]]) -> [ShownEvent] {
    let filled = streams.filter { !$0.isEmpty }
    guard filled.count > 1 else { return filled.first ?? [] }
    var rest = filled.map { $0[...] }
    var merged: [ShownEvent] = []
    merged.reserveCapacity(filled.reduce(0) { $0 + $1.count })
    while let next = rest.indices.filter({ !rest[$0].isEmpty }).min(by: { moment(rest[$0]) < moment(rest[$1]) }) {
      merged.append(rest[next].removeFirst())
    }
    return merged
  }

  private static func moment(_ events: ArraySlice<ShownEvent>) -> Int64 { events.first?.logged.event.moment ?? 0 }
}

extension Event {
  /// When it was accepted, in milliseconds since the epoch, as its name says.
  fileprivate var moment: Int64 { EventTime.milliseconds(ofID: id) ?? 0 }
}
