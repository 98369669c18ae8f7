import Access
import Connections
import EventLog
import Frames
import JSON
import Messaging
import Telemetry

/// What a client gets first, in this order: the connection, how much it missed if that is not nothing, the state, what waits for
/// its user or what it missed.
///
/// The connection's `id` is where the client was when it came, so that whoever is cut before the state gets the state again. The
/// last frame of the state says where it is then; without a state the connection does.
struct StreamOpening {
  let route: Route
  let record: ConnectionRecord
  let clientID: String
  let recovery: Recovery
  /// What the client said of where it is; nil: nothing.
  let presented: String?
  /// What is kept of the user, by what a snapshot calls it.
  let lists: [String: StateList]
  let stamp: TicketStamp?
  let sources: StreamSources

  private var form: FrameForm { FrameForm(framing: route.framing, form: route.form) }
  private var retry: Int64 { sources.settings.retryMilliseconds }
  private var now: String { Timestamp.rfc3339(milliseconds: sources.clock.milliseconds()) }

  /// Where the client is before the events, in each stream.
  private var base: Cursor {
    var cursor = Cursor()
    for part in recovery.parts { cursor.set(stream: part.stream, epoch: part.head?.epoch ?? "", to: part.base) }
    return cursor
  }

  /// Where it was in those of which it gets no state: what a bare event id says.
  private var place: Cursor {
    var cursor = Cursor()
    for part in recovery.parts where part.snapshot == nil {
      cursor.set(stream: part.stream, epoch: part.head?.epoch ?? "", to: part.base)
    }
    return cursor
  }

  func bytes() -> [UInt8] {
    let state = stateFrames()
    let reached = base.text
    let isAtPlace = state.isEmpty && !isTold
    let from = isAtPlace ? reached : recovery.from ?? place.text
    var bytes = padding() + connectionFrame(id: id(event: sources.frameID(), cursor: from))
    if isTold { bytes += resumeFrame(id: state.isEmpty ? id(event: sources.frameID(), cursor: reached) : nil) }
    for (index, frame) in state.enumerated() {
      let isLast = index == state.count - 1
      let id = isLast ? id(event: frame.event ?? sources.frameID(), cursor: reached) : nil
      bytes += frame.head
      EventStreamFrame.append(id: id, retryMilliseconds: retry, to: &bytes)
    }
    return bytes
  }

  private func id(event: String, cursor: String) -> String {
    let id = EventStreamID.text(event: event, cursor: cursor)
    return stamp?.stamped(id) ?? id
  }

  // MARK: Frames

  /// Incompressible, so that a front that looks at compressed bytes counts them too.
  private func padding() -> [UInt8] {
    guard sources.settings.padBytes > 0 else { return [] }
    var text = ""
    while text.utf8.count < sources.settings.padBytes { text += sources.randomness.hexadecimal() }
    return EventStreamFrame.comment(text)
  }

  private func connectionFrame(id: String) -> [UInt8] {
    let data = JSONWriter.frame("connection") { writer in
      writer.member("status", "connected")
      writer.member("clientId", clientID)
      writer.member("connectionId", record.id.text)
      writer.member("stream", route.name)
      writer.member("userId", ifPresent: record.principal.user)
      writer.member("correlationId", ifPresent: record.correlationID?.text)
      writer.member("timestamp", now)
    }
    return form.control("connection", data: data, id: id, retryMilliseconds: retry)
  }

  /// Whoever got everything is told nothing.
  private var isTold: Bool { presented != nil && recovery.extent != .all }

  /// Without a state behind it, it says where the client is: whoever is cut before it is told again.
  private func resumeFrame(id: String?) -> [UInt8] {
    form.control("resume", data: ServerFrame.resume(recovery.outcome), id: id, retryMilliseconds: nil)
  }

  // MARK: State

  private struct StateFrame {
    let head: [UInt8]
    /// The event that it shows, if it shows one.
    let event: String?
  }

  private func stateFrames() -> [StateFrame] {
    let parts = recovery.parts.filter { $0.snapshot != nil }
    guard !parts.isEmpty else { return [] }
    let events = parts.flatMap { $0.snapshot ?? [] }
    var frames: [StateFrame] = []
    for snapshot in route.snapshots {
      let types = sources.types.meanings(of: snapshot.type).map(\.type)
      guard parts.contains(where: { $0.mayHold(types) }) else { continue }
      let rows = events.filter { row in types.contains { $0.hasSameBytes(as: row.event.type) } }
      if let list = snapshot.list {
        frames.append(StateFrame(head: listHead(snapshot, list: list, rows: rows), event: nil))
      } else {
        frames += rows.compactMap { frame(of: $0, flag: snapshot.flag) }
      }
    }
    let told = route.snapshots.flatMap { sources.types.meanings(of: $0.type).map(\.type) }
    frames += events.filter { row in !told.contains { $0.hasSameBytes(as: row.event.type) } }.compactMap {
      frame(of: $0, flag: nil)
    }
    return frames
  }

  private func frame(of logged: LoggedEvent, flag: String?) -> StateFrame? {
    guard let shownAs = record.shownName(of: logged.event, types: sources.types) else { return nil }
    guard let flag else {
      let head = form.head(of: logged, shownAs: shownAs, folded: 0, types: sources.types)
      return StateFrame(head: head, event: logged.event.id)
    }
    var event = logged.event
    event.data = EventStreamData.adding(to: event.data) { $0.member(flag, true) }
    let flagged = LoggedEvent(sequence: logged.sequence, event: event)
    return StateFrame(
      head: form.head(of: flagged, shownAs: shownAs, folded: 0, types: sources.types), event: event.id)
  }

  /// `{"orders":[…],"snapshot":true,"timestamp":"…"}`
  private func listHead(_ snapshot: Route.Snapshot, list: String, rows: [LoggedEvent]) -> [UInt8] {
    if let kept = lists[list] {
      return form.head(event: snapshot.type, data: kept.snapshot(atMilliseconds: sources.clock.milliseconds()))
    }
    var writer = JSONWriter()
    writer.object { writer in
      writer.key(list)
      writer.array { writer in
        for row in rows { writer.raw(row.event.data) }
      }
      if let flag = snapshot.flag { writer.member(flag, true) }
      writer.member("timestamp", now)
    }
    return form.head(event: snapshot.type, data: writer.bytes)
  }
}

extension Recovery.Part {
  /// Whether last values of these types may stand in it.
  fileprivate func mayHold(_ types: [String]) -> Bool {
    guard let type = StreamName.type(of: stream) else { return true }
    return types.contains { $0.hasSameBytes(as: type) }
  }
}
