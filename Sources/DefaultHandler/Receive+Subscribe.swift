import AWS
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
  /// The state of what is new, then everything after it: delivery of the new streams is paused before the
  /// listener rows are written, the state as of there is posted, and then the sender goes on from there. The
  /// acknowledgement is the answer.
  mutating func subscribe(
    _ request: SubscriptionRequest, count: Int64?, context: RequestContext, invocation: InvocationContext,
    log: Log
  ) throws -> [UInt8] {
    try checkSize(request)
    let current = try connection(context: context, log: log)
    let log = log.of(current)
    let resolved = request.resolved(for: current.principal, types: types)
    if let first = resolved.refused.first, resolved.accepted.isEmpty {
      // Who asked for nothing but what its role may not see has asked all the same.
      let asking = SubscriptionChange(order: Self.order(count, context: context), asks: true)
      if !current.subscriptions.hasAsked { _ = try self.change(context: context, log: log) { _ in asking } }
      let reasons = resolved.refused.map { "'\($0.name)': \($0.message)" }
      let logTexts: [LogText] = resolved.refused.map { "'\($0.name)': \($0.message)" }
      throw FrameRefusal(
        code: first.code.rawValue, message: reasons.joined(separator: "; "),
        logText: LogText(known: logTexts.map(\.description).joined(separator: "; ")))
    }
    let change = SubscriptionChange(add: resolved.accepted, order: Self.order(count, context: context))
    // Before anything is written.
    if let refusal = connections.refusal(of: change, for: current) { _ = try changed(refusal) }
    let newlySubscribed = try self.newlySubscribed(of: change, for: current)
    let handler = self
    let record = try pausing(
      newlySubscribed.subscribedStreams(types: types), record: newlySubscribed,
      destination: Destination(context: context),
      invocation: invocation, log: log
    ) {
      try handler.change(context: context, isPaused: $0, log: log) { _ in change }
    }
    audit("subscribed", request: request, record: record, log: log)
    return ServerFrame.acknowledgement(
      .subscribed, of: request, refused: resolved.refused, subscriptions: record.subscriptions.active.count,
      count: count)
  }

  /// What a change brings that the connection has not got. Where delivery is paused, a subscribe before this one did not
  /// come to its end: it may be a listener already, but was not shown the state.
  private func newlySubscribed(
    of change: SubscriptionChange, for record: ConnectionRecord
  ) throws(TableError) -> ConnectionRecord {
    let newlySubscribed = record.newlySubscribed(by: change)
    let known = change.streams.filter { !newlySubscribed.subscribedStreams(types: types).contains($0) }
    let paused = try lagRows.paused(known, id: record.id)
    return paused.isEmpty ? newlySubscribed : record.newlySubscribed(by: change, also: paused)
  }

  /// Pauses some streams for a connection while `body` makes it a listener of them and while their state is posted. `body`
  /// is given whether any stream is paused.
  mutating func pausing<Answer>(
    _ streams: [String], record: ConnectionRecord, destination: Destination, invocation: InvocationContext,
    log: Log, retrying retries: [Int64] = [], _ body: (_ isPaused: Bool) throws -> Answer
  ) throws -> Answer {
    let pauses = try lagRows.pause(streams, id: record.id)
    let answer: Answer
    do {
      answer = try body(!pauses.isEmpty)
    } catch let refusal as FrameRefusal {
      resume(pauses, id: record.id, log: log)
      throw refusal
    }
    // If anything else fails, delivery stays paused for a while: a subscribe that is said again finds that.
    let frames = try recovery.states(record: record, pauses: pauses).flatMap {
      recovery.frames(of: $0, record: record, replay: nil)
    }
    let isPosted = try post(frames, destination: destination, invocation: invocation, retrying: retries)
    resume(pauses, id: record.id, log: log)
    // Acknowledged, it would never be said again, and the state never be shown.
    if !isPosted, isOutOfTime(invocation) { throw FrameRefusal.outOfTime }
    return answer
  }

  /// A pause ends by itself, so nothing is refused when it cannot be ended earlier.
  private func resume(_ pauses: [DeliveryPause], id: ConnectionID, log: Log) {
    do throws(TableError) {
      try lagRows.resume(pauses, id: id)
      for stream in try recovery.hasMore(than: pauses) {
        publisher.invokeLater(
          InternalInvocation.sendPending(stream: stream).encoded(),
          otherwise: "pending events not asked for; the sweep will send them",
          log: log.with(["stream": .stream(stream)]))
      }
    } catch {
      log.warn("delivery not resumed", ["connectionId": .identifier(id.text), "reason": .text(error.description)])
    }
  }

  mutating func unsubscribe(
    _ request: SubscriptionRequest, count: Int64?, context: RequestContext, log: Log
  ) throws -> [UInt8] {
    try checkSize(request)
    let record = try change(context: context, log: log) { _ in
      SubscriptionChange(remove: request.removals(types: types), order: Self.order(count, context: context))
    }
    greetFirst(record: record, context: context, log: log)
    audit("unsubscribed", request: request, record: record, log: log.of(record))
    return ServerFrame.acknowledgement(
      .unsubscribed, of: request, refused: [], subscriptions: record.subscriptions.active.count, count: count)
  }

  func change(
    context: RequestContext, accepting: Accepts? = nil, isPaused: Bool = false, log: Log,
    _ makeChange: (ConnectionRecord) -> SubscriptionChange
  ) throws -> ConnectionRecord {
    let outcome = try connections.change(id: context.connectionID, accepting: accepting, isPaused: isPaused, makeChange)
    let record = try lasting(record: changed(outcome))
    recordActivity(of: record, log: log)
    return record
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

  /// Who listens to what since when, for an audit.
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
