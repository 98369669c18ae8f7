import GatewayEvents
import LambdaRuntime
import Messaging
import Streams
import Telemetry

/// `$default`: a client's frame. Short answers go back as the route response; what has an order of its own is posted.
struct Receive<Out: Outbox>: LambdaHandler {
  let connections: Connections
  var outbox: Out
  let log: Log
  var clock = Clock.system

  mutating func handle(_ event: [UInt8], _ context: InvocationContext) throws -> [UInt8] {
    guard case .message(let event) = try GatewayEvent(decoding: event) else { throw WrongRoute() }
    let answer: [UInt8]?
    do {
      answer = try self.answer(ClientFrame(decoding: event.body), event.context)
    } catch let refusal as FrameRefusal {
      answer = refuse(refusal, event.context, log.with(["requestId": .text(context.requestID)]))
    }
    return ProxyResponse(200, body: answer).encoded()
  }

  private mutating func answer(_ frame: ClientFrame, _ context: RequestContext) throws -> [UInt8]? {
    switch frame {
    case .subscribe(let request, let count): try subscribe(request, count, context)
    case .unsubscribe(let request, let count): try unsubscribe(request, count, context)
    case .hello(let hello): try answer(hello, context)
    // Neither read nor write: pings are the most frequent frames, and a connection without a row is told at its next one.
    case .ping(let count): Frame.pong(count: count, milliseconds: clock.milliseconds())
    case .pong: nil
    case .status: try status(context)
    }
  }

  // MARK: Subscriptions

  private func subscribe(
    _ request: SubscriptionRequest, _ count: Int64?, _ context: RequestContext
  ) throws -> [UInt8] {
    try checkSize(request)
    var refused: [SubscriptionRequest.Refusal] = []
    let subscriptions = try change(context) { record in
      let resolved = request.resolved(for: record.principal.role)
      refused = resolved.refused
      return SubscriptionChange(add: resolved.wanted, order: Self.order(count, context))
    }
    if let first = refused.first, refused.count == Set(request.names).count {
      throw FrameRefusal(first.code.rawValue, refused.map { "'\($0.name)': \($0.message)" }.joined(separator: "; "))
    }
    return Frame.changed("subscribed", request, refused, subscriptions, count: count)
  }

  private func unsubscribe(
    _ request: SubscriptionRequest, _ count: Int64?, _ context: RequestContext
  ) throws -> [UInt8] {
    try checkSize(request)
    let subscriptions = try change(context) { _ in
      SubscriptionChange(remove: request.removals, order: Self.order(count, context))
    }
    return Frame.changed("unsubscribed", request, [], subscriptions, count: count)
  }

  private func change(
    _ context: RequestContext, _ makeChange: (ConnectionRecord) -> SubscriptionChange
  ) throws -> Subscriptions {
    switch try connections.change(context.connectionID, makeChange) {
    case .subscribed(let subscriptions): return subscriptions
    case .unknownConnection: throw FrameRefusal.unknownConnection
    case .tooManySubscriptions(let count): throw FrameRefusal.tooManySubscriptions(count)
    }
  }

  /// Refuses what no role could bring below the limit, before any of it is looked at.
  private func checkSize(_ request: SubscriptionRequest) throws(FrameRefusal) {
    let count = request.names.count * max(1, request.keys.count)
    if count > 4 * Limit.subscriptions { throw .tooManySubscriptions(count) }
  }

  private static func order(_ count: Int64?, _ context: RequestContext) -> Order {
    Order(
      count: count, milliseconds: context.requestTimeMilliseconds,
      messageID: context.messageID ?? context.requestID)
  }

  // MARK: Hello and status

  /// By posts only, in this order: what was asked for is written, then `connection`, `resume` if a cursor came, `ready`.
  private mutating func answer(_ hello: ClientFrame.Hello, _ context: RequestContext) throws -> [UInt8]? {
    if !hello.subscriptions.names.isEmpty { try subscribe(hello.subscriptions, context) }
    guard let record = try connections.connection(context.connectionID) else { throw FrameRefusal.unknownConnection }
    var frames = [Frame.connection(record, replay: hello.replay, milliseconds: clock.milliseconds())]
    // There is no log yet, so no cursor can be one of ours.
    if hello.cursor != nil { frames.append(Frame.resumeUnknown(replay: hello.replay)) }
    frames.append(Frame.ready(replay: hello.replay))
    for frame in frames {
      guard try outbox.post(frame, to: context) else { break }
    }
    return nil
  }

  /// The count of hellos is not the count of changes, so a hello's subscriptions are ordered by time.
  private func subscribe(_ request: SubscriptionRequest, _ context: RequestContext) throws {
    try checkSize(request)
    _ = try change(context) { record in
      SubscriptionChange(add: request.resolved(for: record.principal.role).wanted, order: Self.order(nil, context))
    }
  }

  private func status(_ context: RequestContext) throws -> [UInt8] {
    guard let record = try connections.connection(context.connectionID) else { throw FrameRefusal.unknownConnection }
    return Frame.status(record)
  }

  // MARK: Refusals

  /// The error frame is the answer; but a connection that nobody knows is told by a post and closed, so that its client
  /// comes back as one that is known.
  private mutating func refuse(_ refusal: FrameRefusal, _ context: RequestContext, _ log: Log) -> [UInt8]? {
    log.info(
      "frame refused",
      [
        "connectionId": .text(context.connectionID.text), "code": .text(refusal.code),
        "reason": .text(refusal.message),
      ])
    let frame = Frame.error(code: refusal.code, message: refusal.message, requestID: context.requestID)
    guard refusal == .unknownConnection else { return frame }
    do {
      if try outbox.post(frame, to: context) { try outbox.close(context) }
      return nil
    } catch {
      log.error(
        "unknown connection not closed",
        ["connectionId": .text(context.connectionID.text), "reason": .text("\(error)")])
      return frame
    }
  }
}

extension FrameRefusal {
  static let unknownConnection = FrameRefusal("unknown_connection", "this connection is not known; connect again")

  static func tooManySubscriptions(_ count: Int) -> FrameRefusal {
    FrameRefusal(
      "too_many_subscriptions",
      "\(count) subscriptions are too many: one connection may hold \(Limit.subscriptions); nothing was changed")
  }
}

/// The function was put behind another route than its own.
struct WrongRoute: LambdaError, CustomStringConvertible {
  var errorType: String { "Function.WrongRoute" }
  var description: String { "DefaultHandler answers events of the type MESSAGE; put it behind the route $default" }
}
