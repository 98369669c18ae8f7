import Access
import ConnectionStore
import Connections
import EventLog
import Frames
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

/// Answers HTTP requests: with a stream of events that stays open, or with an answer that is whole at once.
struct ServeStreams: StreamingLambdaHandler {
  let routes: RouteTable
  let recovery: RecoveryReader
  let sources: StreamSources
  var access: AccessControl
  /// What stands between clients and this function, and is believed where they are.
  let proxy: TrustedProxy
  var attempts: AttemptLimit
  var users: UserStreams
  let streamLog: StreamLog
  let lastValues: LastValues
  let publisher: QueuedPublisher
  let crossOrigin: CrossOrigin
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?
  /// Told of each event what Lambda says about its time.
  var beginInvocation: (InvocationContext) -> Void = { _ in }

  /// Of the streams that this environment holds, those of no user.
  var anonymousStreams = 0

  /// What is kept of an answer.
  enum Answer {
    case whole
    case stream(EventStream)
  }

  var clock: Clock { sources.clock }
  var types: EventTypeTable { sources.types }

  mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    beginInvocation(context)
    let event = try HTTPEvent(decoding: event)
    guard let path = event.segments else {
      return try send(WholeAnswer(400, json: StreamRefusal(400, "the path cannot be read").body(.full)), [], writer)
    }
    let request = StreamRequest(
      method: event.method, path: path, query: event.query.pairs, headers: event.headers.pairs, body: event.body,
      sourceAddress: proxy.address(
        of: PresentedCredentials(query: event.query.pairs, headers: event.headers.pairs),
        peer: event.context.sourceAddress))
    return try answer(request, context: context, writer: writer)
  }

  mutating func prepare(nowMilliseconds: Int64) { sources.follower.tick() }

  mutating func resume(_ answer: inout Answer, writer: ResponseWriter) throws -> StreamStep {
    guard case .stream(var stream) = answer else { return .end }
    defer { answer = .stream(stream) }
    check(&stream)
    return try stream.step(writer)
  }

  /// Whether it may stay. If that cannot be asked it stays, and asks again.
  private func check(_ stream: inout EventStream) {
    let now = clock.monotonicMilliseconds()
    guard let row = stream.row, let at = stream.nextCheckAt, at <= now else { return }
    stream.nextCheckAt = now + EventStream.checkMilliseconds
    stream.checks += 1
    do throws(TableError) {
      if try !users.isOpen(row, check: stream.checks) { stream.end = .limit }
    } catch {
      stream.log.warn("stream not renewed", ["reason": .text(error.description)])
    }
  }

  mutating func close(_ answer: Answer, reason: StreamEndReason) {
    guard case .stream(let stream) = answer else { return }
    for place in stream.places { sources.follower.unfollow(place.followed) }
    let end = stream.end ?? StreamEnd(reason)
    removeRow(of: stream)
    metrics?.count("StreamEnds", by: ("Reason", end.rawValue))
    metrics?.writeEachMinute()
    stream.log.info(
      "stream ended",
      [
        "reason": .identifier(end.rawValue),
        "seconds": .number((clock.monotonicMilliseconds() - stream.openedAt) / 1_000),
        "events": .number(Int64(stream.eventCount)),
      ])
  }
}

extension ServeStreams {
  /// A row that cannot be deleted counts no longer than half a minute.
  fileprivate mutating func removeRow(of stream: EventStream) {
    guard let row = stream.row else { return anonymousStreams -= 1 }
    do throws(TableError) {
      try users.close(row)
    } catch {
      stream.log.warn("row of a stream not deleted", ["reason": .text(error.description)])
    }
  }
}

extension StreamEnd {
  /// What the runtime says where the stream did not end by itself.
  init(_ reason: StreamEndReason) {
    switch reason {
    case .gone: self = .gone
    case .stopped: self = .stopped
    case .ended, .failed: self = .failed
    }
  }
}
