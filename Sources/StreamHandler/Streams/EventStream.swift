import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import JSON
import LambdaRuntime
import Messaging
import Telemetry

/// One open answer: what it follows, where it is, and when it says something next.
struct EventStream {
  let route: Route
  let record: ConnectionRecord
  let clientID: String
  let log: Log
  let sources: StreamSources
  var places: [FollowedPlace]
  let gzip: GzipStream?
  /// When its invocation ends, in milliseconds since the epoch.
  let deadlineMilliseconds: Int64

  let openedAt: Int64
  /// These are moments of the clock that never goes back.
  var lastWrittenAt: Int64
  var lastEventAt: Int64
  var lastTakenAt: Int64
  var lastPending = 0
  /// Its row among those of its user; nil: it is of no user.
  let row: EventStreamRecord?
  /// Of the ticket that opened it.
  let stamp: TicketStamp?
  var nextHeartbeatAt: Int64?
  var nextRepeatAt: Int64?
  /// What of the slice is added, so that streams that began together do not end together.
  let extraSliceMilliseconds: Int64
  /// When its right to be sent something is whole again.
  var paidUntil: Int64 = 0
  var owesSecondChunk = false
  /// Until then nothing is due but what the log brings.
  private var quietUntil: Int64 = 0
  /// Of each type that is said again the newest frame, without an id.
  var repeatable: [String: [UInt8]] = [:]
  var lastEventID: String
  var eventCount = 0
  var end: StreamEnd?

  var form: FrameForm { FrameForm(framing: route.framing, form: route.form) }
  var settings: StreamSettings { sources.settings }
  private var now: Int64 { sources.clock.monotonicMilliseconds() }

  init(
    route: Route, record: ConnectionRecord, clientID: String, log: Log, sources: StreamSources, places: [FollowedPlace],
    gzip: GzipStream?, row: EventStreamRecord?, stamp: TicketStamp?, deadlineMilliseconds: Int64
  ) {
    self.row = row
    self.stamp = stamp
    self.route = route
    self.record = record
    self.clientID = clientID
    self.log = log
    self.sources = sources
    self.places = places
    self.gzip = gzip
    self.deadlineMilliseconds = deadlineMilliseconds
    let now = sources.clock.monotonicMilliseconds()
    (openedAt, lastWrittenAt, lastEventAt, lastTakenAt) = (now, now, now, now)
    nextHeartbeatAt = route.heartbeat.map { now + $0.seconds * 1_000 }
    nextRepeatAt = route.repeated.map { now + $0.seconds * 1_000 }
    extraSliceMilliseconds = Int64(sources.randomness.integer(in: 0...Int(sources.settings.sliceSeconds * 100)))
    lastEventID = sources.frameID()
  }

  // MARK: Steps

  /// So seldom the clock of the day is looked at while nothing comes.
  private static let longestQuietMilliseconds: Int64 = 1_000

  /// How long there is nothing to do, if nothing came: of a thousand streams most are asked this fifty times a second. Nil: a
  /// step is due.
  mutating func waitIfQuiet(_ writer: ResponseWriter) -> StreamStep? {
    guard end == nil, writer.pendingBytes == 0, !places.contains(where: \.isBehind) else { return nil }
    let now = now
    guard now < quietUntil else { return nil }
    (lastTakenAt, lastPending) = (now, 0)
    return .wait(milliseconds: max(1, min(quietUntil, nextRead) - now))
  }

  /// Writes what there is to say now, and answers when there may be more.
  mutating func step(_ writer: ResponseWriter) throws(TableError) -> StreamStep {
    noteTaken(writer)
    if let end = dueEnd() {
      finish(end, writer)
      return .end
    }
    guard writer.hasRoom else {
      return .waitForRoom(milliseconds: max(1, lastTakenAt + StreamSettings.stuckMilliseconds - now))
    }
    if owesSecondChunk {
      owesSecondChunk = false
      write(Array(":\n\n".utf8), to: writer)
    } else {
      try writeEvents(writer)
    }
    if let end {
      finish(end, writer)
      return .end
    }
    writeWhatIsDue(writer)
    let now = now
    let due = nextDue(now)
    quietUntil = owesSecondChunk ? now : min(due, now + Self.longestQuietMilliseconds)
    return .wait(milliseconds: owesSecondChunk ? 1 : max(1, min(due, nextMove(now)) - now))
  }

  mutating func write(_ bytes: [UInt8], to writer: ResponseWriter) {
    writer.write(gzip.map { $0.write(bytes) } ?? bytes)
    lastWrittenAt = now
  }

  /// Activity is a write that was taken: by a socket, as far as can be told here.
  private mutating func noteTaken(_ writer: ResponseWriter) {
    if writer.pendingBytes == 0 || writer.pendingBytes < lastPending { lastTakenAt = now }
    lastPending = writer.pendingBytes
  }

  // MARK: Its end

  private func dueEnd() -> StreamEnd? {
    if let end { return end }
    let wall = sources.clock.milliseconds()
    if now - lastTakenAt >= StreamSettings.stuckMilliseconds { return .stuck }
    if let until = record.untilMilliseconds, until <= wall { return .expired }
    if wall >= deadlineMilliseconds - StreamSettings.marginMilliseconds { return .deadline }
    if now >= sliceEnd { return .slice }
    return nil
  }

  var sliceEnd: Int64 { lastEventAt + settings.sliceSeconds * 1_000 + extraSliceMilliseconds }

  /// The closing frame: where the client is, and when it comes back, each at another moment.
  private mutating func finish(_ end: StreamEnd, _ writer: ResponseWriter) {
    self.end = end
    guard end != .stuck else { return }
    var bytes = end.error.map { errorFrame(code: end.rawValue, message: $0) } ?? []
    EventStreamFrame.append(
      id: id(event: lastEventID, cursor: cursor),
      retryMilliseconds: sources.jittered(milliseconds: settings.retryMilliseconds), to: &bytes)
    write(bytes, to: writer)
    if let gzip { writer.write(gzip.finish()) }
  }

  func errorFrame(code: String, message: String) -> [UInt8] {
    let data = JSONWriter.frame("error") { writer in
      writer.member("code", code)
      writer.member("message", message)
      writer.member("clientId", clientID)
    }
    return form.control("error", data: data, retryMilliseconds: nil)
  }

  /// Stamped, if a ticket opened the stream: only who has read it opens it again.
  func id(event: String, cursor: Cursor) -> String {
    let id = EventStreamID.text(event: event, cursor: cursor.text)
    return stamp?.stamped(id) ?? id
  }

  /// Where it is in every stream it follows.
  var cursor: Cursor {
    var cursor = Cursor()
    for place in places { place.set(in: &cursor, to: place.position.sequence) }
    return cursor
  }

  // MARK: What is said at its time

  private mutating func writeWhatIsDue(_ writer: ResponseWriter) {
    if let heartbeat = route.heartbeat, let at = nextHeartbeatAt, at <= now {
      nextHeartbeatAt =
        at + heartbeat.seconds * 1_000 > now ? at + heartbeat.seconds * 1_000 : now + heartbeat.seconds * 1_000
      write(heartbeatFrame(heartbeat), to: writer)
    }
    if let repeated = route.repeated, let at = nextRepeatAt, at <= now {
      nextRepeatAt = now + repeated.seconds * 1_000
      for type in repeated.types { if let frame = repeatable[type] { write(frame, to: writer) } }
    }
    if now - lastWrittenAt >= settings.keepaliveSeconds * 1_000 {
      write(EventStreamFrame.comment("keepalive"), to: writer)
    }
  }

  private func heartbeatFrame(_ heartbeat: Route.Heartbeat) -> [UInt8] {
    let data = JSONWriter.frame(heartbeat.event) { writer in
      writer.member("timestamp", Timestamp.rfc3339(milliseconds: sources.clock.milliseconds()))
      writer.member("connectionId", record.id.text)
    }
    return EventStreamFrame.frame(event: heartbeat.event, data: data)
  }

  /// When something is to be said or looked at, whatever the log brings.
  private func nextDue(_ now: Int64) -> Int64 {
    let wall = sources.clock.milliseconds()
    var next = min(sliceEnd, lastWrittenAt + settings.keepaliveSeconds * 1_000)
    if let nextHeartbeatAt { next = min(next, nextHeartbeatAt) }
    if let nextRepeatAt { next = min(next, nextRepeatAt) }
    if row != nil { next = min(next, now + EventStreams.checkMilliseconds) }
    next = min(next, now + deadlineMilliseconds - StreamSettings.marginMilliseconds - wall)
    if let until = record.untilMilliseconds { next = min(next, now + until - wall) }
    return next
  }

  /// When a stream of the log is read, or what was read may be written.
  private func nextMove(_ now: Int64) -> Int64 {
    places.reduce(.max) { min($0, $1.isBehind ? max(paidUntilNext, now + 1) : $1.followed.dueMilliseconds) }
  }

  private var nextRead: Int64 {
    places.reduce(.max) { min($0, $1.followed.dueMilliseconds) }
  }
}

/// A stream that stays where it is in memory while it is open: it is resumed fifty times a second.
final class OpenStream {
  var stream: EventStream

  init(_ stream: EventStream) { self.stream = stream }
}

extension StreamEnd {
  /// What its client is told; nil: nothing, it comes back.
  fileprivate var error: String? {
    switch self {
    case .expired: "the credential of this stream has expired; connect with a new one"
    case .limit: "this stream, the oldest of its user, is closed for a new one"
    case .taken: "another stream was opened with the ticket of this one"
    case .slice, .deadline, .whole, .over, .stuck, .gap, .gone, .failed, .stopped: nil
    }
  }
}
