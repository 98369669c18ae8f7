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

/// `$default`: a client's frame. Short answers go back as the route response; what has an order of its own is posted.
struct Receive<Out: Outbox>: LambdaHandler {
  let connections: Connections
  var recovery: RecoveryReader
  let lagRows: LagRows
  /// Asked to send the pending events of a stream: a connection may lack some that no process is about to send. Without
  /// a name the next event of the stream brings them along, or the sweep.
  let publisher: InvokedFunction
  var outbox: Out
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?
  var clock = Clock.system

  var limits: StreamLimits { connections.limits }
  var types: EventTypeTable { recovery.types }

  mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let log = log.with(["requestId": .identifier(context.requestID)])
    recovery.log = log
    defer { metrics?.writeEachMinute() }
    if case .greet(let destination) = InternalInvocation(decoding: event) {
      return try greet(destination, invocation: context, log: log)
    }
    let decoded = try GatewayEvent(decoding: event)
    guard case .message(let event) = decoded else {
      throw WrongRoute("DefaultHandler", context: decoded.context, advice: "it belongs behind $default")
    }
    metrics?.count("Frames")
    let answer: [UInt8]?
    do {
      answer = try self.answer(ClientFrame(decoding: event.body), context: event.context, invocation: context, log: log)
    } catch let refusal as FrameRefusal {
      metrics?.count("RefusedFrames")
      answer = refuse(refusal, context: event.context, log: logOfConnection(event.context.connectionID, log: log))
    }
    return ProxyResponse(200, body: answer).encoded()
  }

  private mutating func answer(
    _ frame: ClientFrame, context: RequestContext, invocation: InvocationContext, log: Log
  ) throws -> [UInt8]? {
    switch frame {
    case .subscribe(let request, let count):
      try subscribe(request, count: count, context: context, invocation: invocation, log: log)
    case .unsubscribe(let request, let count): try unsubscribe(request, count: count, context: context, log: log)
    case .hello(let hello): try answer(hello, context: context, invocation: invocation, log: log)
    case .ping(let count): try pong(count, context: context, log: log)
    case .pong: try heard(context: context, log: log)
    case .status: try status(context: context, log: log)
    }
  }

  /// The connection of a frame that gets an answer, greeted if nobody has; one whose credential has expired is closed.
  mutating func connection(
    context: RequestContext, isHeartbeat: Bool = false, log: Log
  ) throws -> ConnectionRecord {
    guard let found = try connections.connection(id: context.connectionID) else {
      throw FrameRefusal.unknownConnection
    }
    let record = try lasting(record: found)
    recordActivity(of: record, isHeartbeat: isHeartbeat, log: log)
    greetFirst(record: record, context: context, log: log)
    return record
  }

  func lasting(record: ConnectionRecord) throws(FrameRefusal) -> ConnectionRecord {
    if let until = record.untilMilliseconds, until <= clock.milliseconds() { throw .expired }
    return record
  }

  // MARK: Ping and status

  /// A pong, whether or not it was asked for: nothing is answered, and whatever goes wrong is not the client's business.
  private func heard(context: RequestContext, log: Log) throws -> [UInt8]? {
    do throws(TableError) {
      guard let record = try connections.connection(id: context.connectionID) else { return nil }
      recordActivity(of: record, isHeartbeat: true, log: log)
    } catch {
      log.warn("pong not taken", ["reason": .text(error.description)])
    }
    return nil
  }

  /// A client that was heard but not written down is pinged, and heard again.
  func recordActivity(of record: ConnectionRecord, isHeartbeat: Bool = false, log: Log) {
    do throws(TableError) {
      try connections.recordActivity(of: record, isHeartbeat: isHeartbeat)
    } catch {
      log.warn(
        "activity not recorded",
        ["connectionId": .identifier(record.id.text), "reason": .text(error.description)])
    }
  }

  /// A client that keeps a cursor is told how far it lacks nothing; one that has no row is told to come back.
  private mutating func pong(_ count: Int64?, context: RequestContext, log: Log) throws -> [UInt8] {
    let record = try connection(context: context, isHeartbeat: true, log: log)
    var cursor: Cursor?
    if record.accepts.contains(.parts) {
      do throws(TableError) {
        cursor = try recovery.cursor(record: record)
      } catch {
        log.of(record).warn("pong without a cursor", ["reason": .text(error.description)])
      }
    }
    return ServerFrame.pong(count: count, cursor: cursor, milliseconds: clock.milliseconds())
  }

  private mutating func status(context: RequestContext, log: Log) throws -> [UInt8] {
    let record = try connection(context: context, log: log)
    return record.statusFrame(positions: try recovery.positions(record: record))
  }

  // MARK: Refusals

  /// A frame may be refused before the row of its connection was read; its line bears the connection's correlation id all
  /// the same.
  private func logOfConnection(_ id: ConnectionID, log: Log) -> Log {
    guard log.isEnabled(.info), let record = try? connections.connection(id: id) else { return log }
    return log.of(record)
  }

  /// The error frame is the answer; but a connection that has no row is told by a post and closed, so that its client
  /// comes back as one that is known.
  private mutating func refuse(_ refusal: FrameRefusal, context: RequestContext, log: Log) -> [UInt8]? {
    log.info(
      "frame refused",
      [
        "connectionId": .identifier(context.connectionID.text), "code": .identifier(refusal.code),
        "reason": .own(refusal.logText),
      ])
    let frame = ServerFrame.error(code: refusal.code, message: refusal.message, requestID: context.requestID)
    guard refusal == .unknownConnection || refusal == .expired else {
      greetUnread(context: context, log: log)
      return frame
    }
    do {
      if try outbox.post(frame, to: Destination(context: context)) == .accepted {
        try outbox.close(Destination(context: context))
      }
      return nil
    } catch {
      log.error(
        "connection not closed",
        ["connectionId": .identifier(context.connectionID.text), "reason": .own(LogText(error))])
      return frame
    }
  }
}

extension Receive {
  /// Greets the client of a frame that was refused before its connection was read.
  private mutating func greetUnread(context: RequestContext, log: Log) {
    do {
      _ = try connection(context: context, log: log)
    } catch {
      log.debug("refused frame of a connection that cannot be read", ["reason": .own(LogText(error))])
    }
  }
}

extension FrameRefusal {
  static let unknownConnection = FrameRefusal(
    code: "unknown_connection", message: "this connection is not known; connect again")

  static let outOfTime = FrameRefusal(
    code: "out_of_time", message: "the state could not be sent in time; unsubscribe, and subscribe again")

  static let expired = FrameRefusal(
    code: "expired", message: "the credential of this connection has expired; connect with a new one")

  static func tooFast(_ limits: StreamLimits) -> FrameRefusal {
    FrameRefusal(
      code: "too_fast",
      message:
        "subscriptions change too often: \(limits.clientFramesPerSecond) frames a second, \(limits.clientFramesBurst) at "
        + "once; this one changed nothing")
  }

  static func tooManySubscriptions(_ count: Int, limits: StreamLimits) -> FrameRefusal {
    FrameRefusal(
      code: "too_many_subscriptions",
      message:
        "\(count) subscriptions are too many: one connection may hold \(limits.subscriptions); nothing was changed")
  }
}
