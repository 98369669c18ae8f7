import Frames
import Messaging

// The answers to a hello: `connection`, `resume`, snapshots, the missed events, `ready`.
extension Follower {
  private enum ReplayState {
    /// It answers the hello that waits for its `ready`.
    case current
    /// It answers an earlier one, or one that was answered.
    case past
  }

  /// Which hello a frame answers by its tag. Frames of the one that waits show that it is being answered.
  private mutating func state(of replay: Int64) throws(FrameFault) -> ReplayState {
    guard replay <= hellos else {
      throw FrameFault(.unknownReplay, "an answer to hello \(replay), but \(hellos) were said")
    }
    guard replay == hellos, phase == .asking else { return .past }
    line.helloAgain = now + options.readyMilliseconds
    return .current
  }

  /// Whether an answer is to be taken. Without a hello answers bear no tag.
  private mutating func isCurrent(members: FrameMembers) throws(FrameFault) -> Bool {
    guard options.saysHello else { return !members.has(Member.replay) }
    return try state(of: members.requiredNumber(Member.replay)) == .current
  }

  mutating func consumeConnection(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    if let replay = try members.number(Member.replay), try state(of: replay) == .past { return }
    output.append(.notice(frame))
  }

  // MARK: Resume

  mutating func consumeResume(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    let recovered = try members.requiredString(Member.recovered)
    let missed = try members.number(Member.missed)
    let reason = try members.string(Member.reason)
    let to = try wholeCursor(members: members, name: Member.to)
    let streams = try gaps(members: members)
    guard try isCurrent(members: members) else { return }
    // What comes up to `to` is not here yet: should the connection break now, the next hello must not say it was.
    line.resumedTo = to
    for gap in streams ?? [] where gap.reason == "epoch" { positions.forget(stream: Array(gap.stream.utf8)) }
    if streams == nil, reason == "epoch", recovered == "none" { positions.forgetAll() }
    output.append(.notice(frame))
    let isGap = missed.map { $0 > 0 } ?? (recovered != "all")
    if isGap { output.append(.gap(Gap(missed: missed, reason: reason, streams: streams ?? []))) }
  }

  private func gaps(members: FrameMembers) throws(FrameFault) -> [Gap.Stream]? {
    guard let elements = try members.elements(Member.streams) else { return nil }
    var gaps: [Gap.Stream] = []
    for element in elements {
      let gap = try FrameMembers(element)
      gaps.append(
        Gap.Stream(
          stream: try gap.requiredString(Member.stream), missed: try gap.number(Member.missed),
          reason: try gap.string(Member.reason)))
    }
    return gaps
  }

  // MARK: Snapshot

  mutating func consumeSnapshot(members: FrameMembers) throws(FrameFault) {
    let stream = try Self.streamName(members: members)
    let sequence = try members.requiredNumber(Member.sequence)
    let isLast = try !members.flag(Member.more)
    let elements = try members.requiredElements(Member.events)
    guard try isCurrent(members: members) else { return }
    let bytes = Array(stream.utf8)
    guard let isFirst = begins(stream: bytes, sequence: sequence) else { return }
    guard line.snapshots.count < options.streams || line.snapshots[bytes] != nil else { return reportStreams() }
    line.snapshots[bytes] = SnapshotProgress(sequence: sequence, isDone: isLast)
    let snapshot = Snapshot(
      stream: stream, sequence: sequence, events: events(elements), isFirst: isFirst, isLast: isLast)
    output.append(.snapshot(snapshot))
    // Also back: a stream that was begun anew counts from 1 again.
    if isLast, !positions.set(stream: bytes, to: sequence) { reportStreams() }
  }

  /// Whether a frame of a snapshot begins it or goes on with it; nil: there is a newer one, or it was told already, as
  /// happens when a hello is worked on twice.
  private func begins(stream: [UInt8], sequence: Int64) -> Bool? {
    guard let reported = line.snapshots[stream] else { return true }
    if sequence == reported.sequence { return reported.isDone ? nil : false }
    if sequence < reported.sequence { return nil }
    return reported.isDone && sequence <= positions[stream] ?? 0 ? nil : true
  }

  /// Those that are events; the others are told.
  private mutating func events(_ elements: [[UInt8]]) -> [[UInt8]] {
    var events: [[UInt8]] = []
    for element in elements {
      do throws(FrameFault) {
        try Self.requireEvent(members: FrameMembers(element))
        events.append(element)
      } catch {
        report(error)
      }
    }
    return events
  }

  // MARK: Ready

  mutating func consumeReady(members: FrameMembers, frame: [UInt8]) throws(FrameFault) {
    let cursor = try wholeCursor(members: members, name: Member.cursor)
    guard try isCurrent(members: members) else { return }
    // An answer tells its snapshots whole before its `ready`. So this is another answer to the same hello, which was
    // worked on twice; the rest of the one that is being told follows, or hello is said again.
    guard line.isLossy || line.snapshots.values.allSatisfy(\.isDone) else { return }
    if line.isLossy { output.append(.gap(Gap(missed: nil, reason: "unknown", streams: []))) }
    line.isLossy = false
    line.hasAskedForLost = false
    for event in line.buffered.release() { show(event) }
    self.cursor = cursor ?? line.resumedTo ?? self.cursor
    phase = .live
    line.wasReady = true
    line.retries = 0
    line.helloAgain = nil
    line.pingDue = line.pingDue ?? now + options.pingMilliseconds
    output.append(.notice(frame))
  }

  // MARK: Events

  /// `replay` is the tag of the batch it came in, if that has one.
  mutating func consumeEvent(members: FrameMembers, bytes: [UInt8], replay: Int64?) throws(FrameFault) {
    try Self.requireEvent(members: members)
    let tag = try members.number(Member.replay) ?? replay
    let event = try Self.placed(members: members, bytes: bytes)
    if let tag {
      if try state(of: tag) == .past { return }
    } else if phase == .asking, let event {
      return buffer(event)
    }
    // A server without a log sends events without a place: there is nothing to tell a second one by.
    guard let event else { return output.append(.show(Event(bytes: bytes, stream: nil, sequence: nil))) }
    show(event)
  }

  private static func requireEvent(members: FrameMembers) throws(FrameFault) {
    let type = try members.requiredString(Member.type)
    guard !type.isEmpty, !ControlType.isReserved(type) else {
      throw FrameFault(name: Member.type, kind: "that of an event")
    }
  }

  private static func placed(
    members: FrameMembers, bytes: [UInt8]
  ) throws(FrameFault) -> BufferedEvents.Event? {
    guard members.has(Member.stream), members.has(Member.sequence) else { return nil }
    let sequence = try members.requiredNumber(Member.sequence)
    guard sequence > 0 else { throw FrameFault(name: Member.sequence, kind: "a number from 1 on") }
    return BufferedEvents.Event(stream: Array(try streamName(members: members).utf8), sequence: sequence, bytes: bytes)
  }

  private static func streamName(members: FrameMembers) throws(FrameFault) -> String {
    let name = try members.requiredString(Member.stream)
    guard (1...512).contains(name.utf8.count) else {
      throw FrameFault(name: Member.stream, kind: "the name of a stream")
    }
    return name
  }

  /// Until `ready` nobody knows what comes before it. What is too much is not lost: the next hello asks for it.
  private mutating func buffer(_ event: BufferedEvents.Event) {
    if line.buffered.append(event, maximumEvents: options.bufferedEvents, maximumBytes: options.joinedBytes) { return }
    report(FrameFault(.bufferOverflow, "more than \(options.bufferedEvents) live events before ready"))
    sayHelloAgain()
  }

  private mutating func show(_ event: BufferedEvents.Event) {
    switch positions.advance(stream: event.stream, to: event.sequence) {
    case .known: return
    case .new: break
    case .unplaced: reportStreams()
    }
    let stream = String(decoding: event.stream, as: UTF8.self)
    output.append(.show(Event(bytes: event.bytes, stream: stream, sequence: event.sequence)))
  }

  /// Once a connection.
  private mutating func reportStreams() {
    guard !line.hasReportedStreams else { return }
    line.hasReportedStreams = true
    report(FrameFault(.tooManyStreams, "events of more than \(options.streams) streams"))
  }
}
