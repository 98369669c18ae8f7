import ConnectionStore
import Connections
import EventLog
import Frames
import LambdaEvents
import LambdaRuntime
import ManagementAPI
import Messaging
import Telemetry

extension Receive {
  /// By posts only, in this order: what was asked for is written; then the log is read, so that what is appended after
  /// it comes by the listener rows; then `connection`, `resume` if the client said where it was, states, missed events,
  /// `ready`.
  mutating func answer(
    _ hello: ClientFrame.Hello, context: RequestContext, invocation: InvocationContext, log: Log
  ) throws -> [UInt8]? {
    try checkSize(hello.subscriptions)
    var refused: [SubscriptionRequest.Refusal] = []
    // The count of hellos is not the count of changes, so a hello's subscriptions are ordered by time.
    let record = try change(context: context, accepting: hello.accepts, log: log) { record in
      let resolved = hello.subscriptions.resolved(for: record.principal, types: types)
      refused = resolved.refused
      return SubscriptionChange(
        add: resolved.accepted, order: Self.order(nil, context: context), asks: !hello.subscriptions.names.isEmpty)
    }
    let log = log.of(record)
    if !hello.subscriptions.names.isEmpty {
      audit("subscribed", request: hello.subscriptions, record: record, log: log)
    }
    let found = try recovery.recover(
      record: record, cursor: hello.cursor, seen: hello.seen, limits: RecoveryLimits(for: hello.accepts, limits: limits)
    )
    var frames = [
      record.connectionFrame(refused: refused, replay: hello.replay, milliseconds: clock.milliseconds())
    ]
    if hello.cursor != nil || !hello.seen.isEmpty {
      frames.append(ServerFrame.resume(found.outcome, replay: hello.replay))
    }
    for part in found.parts { frames += recovery.frames(of: part, record: record, replay: hello.replay) }
    let ready = ServerFrame.ready(replay: hello.replay, cursor: found.cursor)
    if let missed = found.missed, missed > 0 {
      log.warn(
        "events missed",
        [
          "connectionId": .identifier(record.id.text), "missed": .number(missed),
          "reason": .identifier(found.reason?.rawValue ?? ""),
          "streams": .text(found.parts.filter { $0.missed ?? 0 > 0 }.map(\.stream).joined(separator: ",")),
        ])
    }
    let isDone = try post(frames + [ready], destination: Destination(context: context), invocation: invocation)
    if isDone { settle(record: record, log: log) }
    log.info(
      "hello answered",
      [
        "connectionId": .identifier(record.id.text), "replay": .number(hello.replay),
        "recovered": .identifier(hello.cursor == nil ? "" : found.extent.rawValue),
        "missed": .number(found.missed ?? -1), "frames": .number(Int64(frames.count + 1)), "complete": .flag(isDone),
      ])
    return nil
  }

  /// If it cannot be written, the next hello brings the same state again.
  private func settle(record: ConnectionRecord, log: Log) {
    do throws(TableError) {
      try connections.settle(record: record)
    } catch {
      log.warn(
        "states that were shown not recorded",
        ["connectionId": .identifier(record.id.text), "reason": .text(error.description)])
    }
  }

  /// No post is begun in its last second.
  func isOutOfTime(_ invocation: InvocationContext) -> Bool {
    clock.milliseconds() >= invocation.deadlineMilliseconds - 1_000
  }

  /// `retrying`: the first, where `$connect` may not have ended. False: the client has left, or the time was up. Then no `ready`
  /// comes, and the client says hello again.
  mutating func post(
    _ frames: [[UInt8]], destination: Destination, invocation: InvocationContext, retrying pauses: [Int64] = []
  ) throws -> Bool {
    var pauses = pauses
    for frame in frames {
      guard !isOutOfTime(invocation), try post(frame, to: destination, retrying: pauses) else { return false }
      // It is connected: whoever is gone now has left.
      pauses = []
    }
    return true
  }
}

extension RecoveryLimits {
  /// Who takes no batches gets a post an event, and there is time for so many only.
  init(for accepts: Accepts, limits: StreamLimits) {
    self.init()
    events = limits.replayEvents
    if !accepts.contains(.batch) { events = min(events, 500) }
  }
}
