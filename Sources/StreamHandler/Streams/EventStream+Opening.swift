import Connections
import EventLog
import Frames
import LambdaRuntime
import Messaging

extension EventStream {
  /// Writes what the client gets first.
  mutating func begin(with opening: StreamOpening, to writer: ResponseWriter) {
    var bytes = opening.bytes()
    var cursor = Cursor()
    for part in opening.recovery.parts { cursor.set(stream: part.stream, epoch: part.head?.epoch ?? "", to: part.base) }
    for event in Self.merged(opening.recovery, for: record, types: sources.types) {
      places[event.place].set(in: &cursor, to: event.logged.sequence)
      append(event, cursor: cursor, to: &bytes)
      if end == .over { break }
    }
    write(bytes, to: writer)
  }

  /// What a client lacks, of all streams in the order of time.
  static func merged(_ recovery: Recovery, for record: ConnectionRecord, types: EventTypeTable) -> [ShownEvent] {
    ShownEvents.merged(
      recovery.parts.enumerated().map { index, part in
        part.events.compactMap { logged in
          record.shownName(of: logged.event, types: types).map {
            ShownEvent(place: index, logged: logged, shownAs: $0, folded: part.folded[logged.sequence] ?? 0)
          }
        }
      })
  }
}
