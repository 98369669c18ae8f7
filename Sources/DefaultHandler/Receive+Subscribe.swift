import ConnectionStore
import Connections
import EventLog
import Frames
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

extension Receive {
  /// The state of what is new, then everything after it: the connection's place in the new streams is held before the
  /// listener rows are written, the state as of there is posted, and then the sender goes on from there. The
  /// acknowledgement is the answer.
  mutating func subscribe(
    _ request: SubscriptionRequest, count: Int64?, context: RequestContext, invocation: InvocationContext,
    log: Log
  ) throws -> [UInt8] {
    try checkSize(request)
    let standing = try connection(context: context)
    let resolved = request.resolved(for: standing.principal.role)
    if let first = resolved.refused.first, resolved.wanted.isEmpty {
      let reasons = resolved.refused.map { "'\($0.name)': \($0.message)" }
      let logTexts: [LogText] = resolved.refused.map { "'\($0.name)': \($0.message)" }
      throw FrameRefusal(
        code: first.code.rawValue, message: reasons.joined(separator: "; "),
        logText: LogText(known: logTexts.map(\.description).joined(separator: "; ")))
    }
    let change = SubscriptionChange(add: resolved.wanted, order: Self.order(count, context: context))
    // Before anything is written.
    if let refusal = connections.refusal(of: change, for: standing) { _ = try changed(refusal) }
    let gain = try self.gain(of: change, for: standing)
    let handler = self
    let record = try holding(
      gain.subscribedStreams, record: gain, destination: Destination(context: context), invocation: invocation, log: log
    ) {
      try handler.change(context: context, isHeld: $0) { _ in change }
    }
    audit("subscribed", request: request, record: record, log: log)
    return Frame.changed(
      "subscribed", request: request, refused: resolved.refused, subscriptions: record.subscriptions, count: count)
  }

  /// What a change brings that the connection has not got. Where its place is held, a subscribe before this one did not
  /// come to its end: it may be a listener already, but was not shown the state.
  private func gain(of change: SubscriptionChange, for record: ConnectionRecord) throws(TableError) -> ConnectionRecord
  {
    let gain = record.gaining(change)
    let known = change.streams.filter { !gain.subscribedStreams.contains($0) }
    let held = try lagRows.held(known, id: record.id)
    return held.isEmpty ? gain : record.gaining(change, also: held)
  }

  /// Holds a connection's place in some streams while `body` makes it a listener of them, told whether anything is
  /// held, and while it is shown their state.
  mutating func holding<Answer>(
    _ streams: [String], record: ConnectionRecord, destination: Destination, invocation: InvocationContext,
    log: Log, _ body: (_ isHeld: Bool) throws -> Answer
  ) throws -> Answer {
    let holds = try lagRows.hold(streams, id: record.id)
    let answer: Answer
    do {
      answer = try body(!holds.isEmpty)
    } catch let refusal as FrameRefusal {
      release(holds, id: record.id, log: log)
      throw refusal
    }
    // If anything else fails, the place stays held for a while: a subscribe that is said again finds it.
    let frames = try recovery.states(record: record, holds: holds).flatMap {
      self.frames(of: $0, record: record, replay: nil)
    }
    _ = try post(frames, destination: destination, invocation: invocation)
    release(holds, id: record.id, log: log)
    return answer
  }

  /// What a hold delays ends by itself, so nothing is refused for a release that fails.
  private func release(_ holds: [DeliveryPause], id: ConnectionID, log: Log) {
    do throws(TableError) {
      try lagRows.release(holds, id: id)
      for stream in try recovery.hasMore(than: holds) { drains.ask(for: stream, log: log) }
    } catch {
      log.warn("place not released", ["connectionId": .identifier(id.text), "reason": .text(error.description)])
    }
  }

  func unsubscribe(
    _ request: SubscriptionRequest, count: Int64?, context: RequestContext, log: Log
  ) throws -> [UInt8] {
    try checkSize(request)
    let record = try change(context: context) { _ in
      SubscriptionChange(remove: request.removals, order: Self.order(count, context: context))
    }
    audit("unsubscribed", request: request, record: record, log: log)
    return Frame.changed(
      "unsubscribed", request: request, refused: [], subscriptions: record.subscriptions, count: count)
  }

  func change(
    context: RequestContext, accepting: Accepts? = nil, isHeld: Bool = false,
    _ makeChange: (ConnectionRecord) -> SubscriptionChange
  ) throws -> ConnectionRecord {
    let outcome = try connections.change(id: context.connectionID, accepting: accepting, isHeld: isHeld, makeChange)
    return try lasting(record: changed(outcome))
  }

  private func changed(_ outcome: Connections.ChangeOutcome) throws(FrameRefusal) -> ConnectionRecord {
    switch outcome {
    case .changed(let record): return record
    case .unknownConnection: throw .unknownConnection
    case .tooManySubscriptions(let count): throw .tooManySubscriptions(count, limits: limits)
    case .tooFast: throw .tooFast(limits)
    }
  }

  /// Refuses what no role could bring below the limit, before any of it is looked at.
  func checkSize(_ request: SubscriptionRequest) throws(FrameRefusal) {
    let count = request.names.count * max(1, request.keys.count)
    if count > 4 * limits.subscriptions { throw .tooManySubscriptions(count, limits: limits) }
  }

  static func order(_ count: Int64?, context: RequestContext) -> Order {
    Order(
      count: count, milliseconds: context.requestTimeMilliseconds,
      messageID: context.messageID ?? context.requestID)
  }

  /// Who listens to what since when, for whoever has to account for it.
  func audit(_ what: LogText, request: SubscriptionRequest, record: ConnectionRecord, log: Log) {
    log.info(
      what,
      [
        "event": "audit", "connectionId": .identifier(record.id.text), "user": .personal(record.principal.user),
        "names": .text(request.names.joined(separator: ",")), "keys": .text(request.keys.joined(separator: ",")),
        "subscriptions": .number(Int64(record.subscriptions.active.count)),
      ])
  }
}
