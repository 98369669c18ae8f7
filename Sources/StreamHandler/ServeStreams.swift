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
struct ServeStreams<Calls: ConnectionCalls>: StreamingLambdaHandler {
  let routes: RouteTable
  let recovery: RecoveryReader
  let sources: StreamSources
  var access: StreamAccess
  /// What stands between clients and this function, and is believed where they are.
  let proxy: TrustedProxy
  var attempts: AttemptLimit
  var openings: OpeningLimit
  var held: HeldStreams<Calls>
  let publisher: QueuedPublisher
  let cors: CORS
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?
  /// Told of each event what Lambda says about its time.
  var beginInvocation: (InvocationContext) -> Void = { _ in }

  /// What is kept of an answer.
  enum Answer {
    case whole
    case stream(OpenStream)
  }

  var clock: Clock { sources.clock }
  var types: EventTypeTable { sources.types }

  mutating func open(_ event: [UInt8], context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    beginInvocation(context)
    let event = try HTTPEvent(decoding: event)
    guard sources.settings.answersWhole || event.context.front == .httpAPI else {
      return try answer(event, context: context, writer: writer)
    }
    return try answerWhole(event, context: context, writer: writer)
  }

  mutating func answer(_ event: HTTPEvent, context: InvocationContext, writer: ResponseWriter) throws -> Answer {
    guard let path = event.segments else {
      return try send(WholeAnswer(400, json: StreamRefusal(400, "the path cannot be read").body(.full)), [], writer)
    }
    let presented = PresentedCredentials(query: event.query.pairs, headers: event.headers.pairs)
    let request = StreamRequest(
      method: event.method, path: path, query: event.query.pairs, headers: event.headers.pairs, body: event.body,
      sourceAddress: proxy.address(of: presented, peer: event.context.sourceAddress),
      credentials: proxy.asked(presented))
    return try answer(request, context: context, writer: writer)
  }

  mutating func prepare(nowMilliseconds: Int64) {
    sources.follower.tick()
    held.check()
  }

  mutating func resume(_ answer: inout Answer, writer: ResponseWriter) throws -> StreamStep {
    guard case .stream(let open) = answer else { return .end }
    if let end = held.takeEnd(of: open.stream.clientID) { open.stream.end = end }
    if let wait = open.stream.waitIfQuiet(writer) { return wait }
    return try open.stream.step(writer)
  }

  mutating func close(_ answer: Answer, reason: StreamEndReason) {
    defer { metrics?.writeEachMinute() }
    guard case .stream(let open) = answer else { return }
    let stream = open.stream
    for place in stream.places { sources.follower.unfollow(place.followed) }
    let end = stream.end ?? StreamEnd(reason)
    held.remove(stream.row, clientID: stream.clientID, log: stream.log)
    metrics?.count("StreamEnds", by: ("Reason", end.rawValue))
    stream.log.info(
      "event stream ended",
      [
        "user": .personal(stream.record.principal.user), "reason": .identifier(end.rawValue),
        "seconds": .number((clock.monotonicMilliseconds() - stream.openedAt) / 1_000),
        "events": .number(Int64(stream.eventCount)),
      ])
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
