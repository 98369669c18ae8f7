package import Connections
import Frames
import Messaging

// What was recovered, as frames.
extension RecoveryReader {
  /// What a client gets of a stream; `replay` tags it as the answer to a hello.
  package func frames(of part: Recovery.Part, record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    snapshot(of: part, record: record, replay: replay) + events(of: part, record: record, replay: replay)
  }

  private func events(of part: Recovery.Part, record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    let accepts = record.accepts.allowed(in: record.dialect)
    let events = part.events.map {
      encode($0, record: record, replay: replay, folded: part.folded[$0.sequence] ?? 0)
    }
    // Who asked for batches of ten gets no larger ones of what it missed.
    let most = accepts.contains(.timedBatches) ? batchEvents : max(1, events.count)
    return stride(from: 0, to: events.count, by: most).flatMap { start in
      FramePacking.frames(
        Array(events[start...].prefix(most)), cursor: nil, accepts: accepts,
        // The answer to another hello may be on its way at the same time.
        name: { "\(part.events[start].event.id)-\(replay ?? 0)" })
    }.map(\.bytes)
  }

  /// The dialects of the five source protocols know no snapshot: they get the events themselves.
  private func snapshot(of part: Recovery.Part, record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    // A client that counts no hellos learns nothing from an empty state.
    guard let rows = part.snapshot, !rows.isEmpty || replay != nil else { return [] }
    let events = rows.map { encode($0, record: record, replay: nil) }
    guard record.dialect.takesSnapshots else {
      return events.flatMap { FramePacking.bounded($0, accepts: record.accepts.allowed(in: record.dialect)) { "" } }
    }
    var frames: [[UInt8]] = []
    var rest = events[...]
    repeat {
      var bytes = 0
      let fitting = rest.prefix { event in
        bytes += event.count + 1
        return bytes <= FramePacking.unitBytes - 512
      }
      let some = rest.prefix(max(1, fitting.count))
      rest = rest.dropFirst(some.count)
      let frame = ServerFrame.snapshot(
        stream: part.stream, through: part.base, events: some, replay: replay, hasMore: !rest.isEmpty)
      frames += FramePacking.bounded(frame, accepts: record.accepts) { "\(part.base)-\(rest.count)-\(replay ?? 0)" }
    } while !rest.isEmpty
    return frames
  }

  private func encode(
    _ logged: LoggedEvent, record: ConnectionRecord, replay: Int64?, folded: Int = 0
  ) -> [UInt8] {
    let shownAs = record.shownName(of: logged.event, types: types) ?? logged.event.type
    return ServerFrame.event(
      logged.event, shownAs: shownAs, style: types.style(of: logged.event.type, shownAs: shownAs),
      dialect: record.dialect,
      placement: Placement(sequence: logged.sequence, folded: folded, replay: replay))
  }
}
