import GatewayEvents
import LambdaRuntime
import Messaging
import Shaping
import Streams
import Telemetry

extension Receive {
  /// By posts only, in this order: what was asked for is written; then the log is read, so that what is appended after it comes
  /// by the listener rows; then `connection`, `resume` if the client said where it was, states, missed events, `ready`.
  mutating func answer(
    _ hello: ClientFrame.Hello, _ context: RequestContext, _ invocation: InvocationContext, _ log: Log
  ) throws -> [UInt8]? {
    try checkSize(hello.subscriptions)
    var refused: [SubscriptionRequest.Refusal] = []
    // The count of hellos is not the count of changes, so a hello's subscriptions are ordered by time.
    let record = try change(context, accepting: hello.accepts) { record in
      let resolved = hello.subscriptions.resolved(for: record.principal.role)
      refused = resolved.refused
      return SubscriptionChange(add: resolved.wanted, order: Self.order(nil, context))
    }
    if !hello.subscriptions.names.isEmpty { audit("subscribed", hello.subscriptions, record, log) }
    let found = try recovery.recover(
      record, cursor: hello.cursor, seen: hello.seen, limits: RecoveryLimits(for: hello.accepts))
    var frames = [
      Frame.connection(record, refused: refused, replay: hello.replay, milliseconds: clock.milliseconds())
    ]
    if hello.cursor != nil || !hello.seen.isEmpty { frames.append(Frame.resume(found, replay: hello.replay)) }
    for part in found.parts { frames += self.frames(of: part, record, replay: hello.replay) }
    let ready = Frame.ready(replay: hello.replay, cursor: found.cursor)
    if let missed = found.missed, missed > 0 {
      log.warn(
        "events missed",
        [
          "connectionId": .text(record.id.text), "missed": .number(missed),
          "reason": .text(found.reason?.rawValue ?? ""),
          "streams": .text(found.parts.filter { $0.missed ?? 0 > 0 }.map(\.stream).joined(separator: ",")),
        ])
    }
    let isDone = try post(frames + [ready], Destination(context), invocation)
    log.info(
      "hello answered",
      [
        "connectionId": .text(record.id.text), "replay": .number(hello.replay),
        "recovered": .text(hello.cursor == nil ? "" : found.extent.rawValue),
        "missed": .number(found.missed ?? -1), "frames": .number(Int64(frames.count + 1)), "complete": .flag(isDone),
      ])
    return nil
  }

  /// The state of some streams and what came after it, for a client that did not say hello.
  mutating func postState(
    of streams: [String], _ record: ConnectionRecord, _ destination: Destination, _ invocation: InvocationContext
  ) throws {
    let found = try recovery.recover(record, of: streams, limits: RecoveryLimits(for: record.accepts))
    _ = try post(found.parts.flatMap { frames(of: $0, record, replay: nil) }, destination, invocation)
  }

  /// False: the client has left, or the time was up. Then no `ready` comes, and the client says hello again.
  mutating func post(
    _ frames: [[UInt8]], _ destination: Destination, _ invocation: InvocationContext
  ) throws -> Bool {
    for frame in frames {
      guard clock.milliseconds() < invocation.deadlineMilliseconds - 1_000,
        try outbox.post(frame, to: destination) == .taken
      else { return false }
    }
    return true
  }

  // MARK: Frames

  private func frames(of part: Recovery.Part, _ record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    snapshot(of: part, record, replay: replay) + events(of: part, record, replay: replay)
  }

  private func events(of part: Recovery.Part, _ record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    let accepts = record.dialect == .typed ? record.accepts : []
    let frames = FramePacking.frames(
      part.events.map { encode($0, record, replay: replay) }, cursor: nil, accepts: accepts,
      // The answer to another hello may be on its way at the same time.
      name: { "\(part.events.first?.event.id ?? "")-\(replay ?? 0)" })
    return frames.map(\.bytes)
  }

  /// The dialects of the documents know no snapshot: they get the events themselves.
  private func snapshot(of part: Recovery.Part, _ record: ConnectionRecord, replay: Int64?) -> [[UInt8]] {
    // A client that counts no hellos learns nothing from an empty state.
    guard let rows = part.snapshot, !rows.isEmpty || replay != nil else { return [] }
    let events = rows.map { encode($0, record, replay: nil) }
    guard record.dialect == .typed else { return events }
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
      let frame = Frame.snapshot(
        part.stream, through: part.base, events: some, replay: replay, hasMore: !rest.isEmpty)
      frames += FramePacking.bounded(frame, record.accepts) { "\(part.base)-\(rest.count)-\(replay ?? 0)" }
    } while !rest.isEmpty
    return frames
  }

  private func encode(_ logged: LoggedEvent, _ record: ConnectionRecord, replay: Int64?) -> [UInt8] {
    Frame.event(
      logged.event, shownAs: record.shownName(of: logged.event) ?? logged.event.type, record.dialect,
      Placement(sequence: logged.sequence, replay: replay))
  }
}

extension RecoveryLimits {
  /// Who takes no batches gets a post an event, and there is time for so many only.
  init(for accepts: Accepts) {
    self.init()
    if !accepts.contains(.batch) { events = 500 }
  }
}
