import ConnectionStore
import Connections
import Delivery
import EventLog
import Frames
import LambdaRuntime
import Messaging
import Telemetry

// What came of the streams it follows.
extension EventStream {
  /// Of one write; what is more follows when that was taken.
  private static var bytesAtOnce: Int { 256 << 10 }

  mutating func writeEvents(_ writer: ResponseWriter) throws(TableError) {
    guard places.contains(where: \.isBehind) else { return }
    var (events, pages) = try newEvents()
    guard events.isEmpty || mayWrite(events) else { return }
    // What it has is written first; then it comes back, and is told what it missed.
    if let gap = pages.firstIndex(where: { !$0.isWhole }) {
      end = .gap
      events = events.filter { $0.place < pages[gap].place }
      pages.removeSubrange(gap...)
    }
    write(conflated(events), through: pages, to: writer)
  }

  /// How far a stream was read.
  private struct ReadPlace {
    let place: Int
    let epoch: String
    let through: Int64
    let isWhole: Bool
  }

  private func newEvents() throws(TableError) -> (events: [ShownEvent], pages: [ReadPlace]) {
    var streams: [[ShownEvent]] = []
    var pages: [ReadPlace] = []
    for (index, place) in places.enumerated() where place.isBehind {
      guard let page = try sources.follower.events(of: place.followed, after: place.position) else { continue }
      let taken = page.events.prefix(ofBytes: Self.bytesAtOnce)
      let through = taken.count < page.events.count ? taken.last?.sequence ?? page.through : page.through
      pages.append(ReadPlace(place: index, epoch: page.epoch, through: through, isWhole: page.isWhole))
      streams.append(
        taken.compactMap { logged in
          record.shownName(of: logged.event, types: sources.types).map {
            ShownEvent(place: index, logged: logged, shownAs: $0)
          }
        })
    }
    return (ShownEvents.merged(streams), pages)
  }

  /// Of types that conflate the newest of each key.
  private func conflated(_ events: [ShownEvent]) -> [ShownEvent] {
    let types = sources.types
    return Conflation.conflate(events.map(\.logged.event), groupBytes: Self.bytesAtOnce) {
      $0.priority == .high || !types.conflates($0.type)
    }.map { kept in
      var event = events[kept.index]
      event.folded = kept.count
      return event
    }
  }

  /// One write counts as one frame of `FRAMES_PER_SECOND`; an event of high priority does not wait.
  private mutating func mayWrite(_ events: [ShownEvent]) -> Bool {
    guard sources.limits.framesPerSecond > 0 else { return true }
    let now = sources.clock.monotonicMilliseconds()
    let interval = 1_000 / sources.limits.framesPerSecond
    let isPaid = paidUntil - now <= (sources.limits.framesBurst - 1) * interval
    guard isPaid || events.contains(where: { $0.logged.event.priority == .high }) else { return false }
    paidUntil = max(paidUntil, now) + interval
    return true
  }

  /// When the next write is paid.
  var paidUntilNext: Int64 {
    let frames = sources.limits.framesPerSecond
    return frames > 0 ? paidUntil - (sources.limits.framesBurst - 1) * (1_000 / frames) : 0
  }

  private mutating func write(_ events: [ShownEvent], through pages: [ReadPlace], to writer: ResponseWriter) {
    var cursor = self.cursor
    var bytes: [UInt8] = []
    for page in pages where page.epoch != places[page.place].position.epoch {
      places[page.place].advance(to: 0, epoch: page.epoch)
      cursor = self.cursor
    }
    for event in events {
      places[event.place].set(in: &cursor, to: event.logged.sequence)
      append(event, cursor: cursor, to: &bytes)
      places[event.place].advance(to: event.logged.sequence, epoch: places[event.place].position.epoch)
      if end == .over { break }
    }
    if end != .over { for page in pages { places[page.place].advance(to: page.through, epoch: page.epoch) } }
    guard !bytes.isEmpty else { return }
    write(bytes, to: writer)
    lastEventAt = sources.clock.monotonicMilliseconds()
    owesSecondChunk = settings.sendsSecondChunk
  }

  /// Also of those that it gets first.
  mutating func append(_ event: ShownEvent, cursor: Cursor, to bytes: inout [UInt8]) {
    let head = sources.heads.head(of: event.logged, shownAs: event.shownAs, folded: event.folded, form: form)
    bytes += head
    EventStreamFrame.append(
      id: id(event: event.logged.event.id, cursor: cursor),
      retryMilliseconds: settings.retryMilliseconds, to: &bytes)
    eventCount += 1
    lastEventID = event.logged.event.id
    let type = event.logged.event.type
    if route.repeated?.types.contains(where: { $0.hasSameBytes(as: type) }) ?? false {
      repeatable[type] = head + [UInt8(ascii: "\n")]
    }
    if route.endsWith.contains(where: { $0.hasSameBytes(as: type) }) { end = .over }
    if log.isEnabled(.debug) { logShown(event) }
  }

  private func logShown(_ event: ShownEvent) {
    log.debug(
      "event shown",
      [
        "eventId": .identifier(event.logged.event.id), "type": .text(event.logged.event.type),
        "eventCorrelationId": .text(event.logged.event.correlationID ?? ""),
      ])
  }
}

extension ArraySlice<LoggedEvent> {
  /// As many as fit, one at least.
  fileprivate func prefix(ofBytes most: Int) -> ArraySlice<LoggedEvent> {
    var bytes = 0
    for (index, logged) in zip(indices, self) {
      bytes += FramePacking.bound(of: logged.event)
      if bytes > most, index > startIndex { return self[..<index] }
    }
    return self
  }
}
