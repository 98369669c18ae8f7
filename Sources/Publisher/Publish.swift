import AWS
import ConnectionStore
import Connections
import Delivery
import EventLog
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

/// Appends events to the log, sends them to their listeners, and says what came of it.
struct Publish<Sender: FrameSender>: LambdaHandler {
  var eventLog: StreamLog
  let streams: StreamSender<Sender>
  var limits = StreamLimits()
  /// This function, which is invoked again for what is left; without a name the sweep sends what is left.
  let itself: InvokedFunction
  let log: Log
  /// Nil: none are written.
  var metrics: FunctionMetrics?
  var clock = Clock.system
  var randomness = Randomness.system
  private var lagRequests = LagRequests()
  var pingWatch = PingWatch()

  init(
    eventLog: StreamLog, streams: StreamSender<Sender>, limits: StreamLimits = StreamLimits(),
    itself: InvokedFunction, log: Log, metrics: FunctionMetrics? = nil,
    clock: Clock = .system, randomness: Randomness = .system
  ) {
    self.eventLog = eventLog
    self.streams = streams
    self.limits = limits
    self.itself = itself
    self.log = log
    self.metrics = metrics
    self.clock = clock
    self.randomness = randomness
  }

  mutating func handle(_ payload: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let log = log.with(["requestId": .identifier(context.requestID)])
    switch InternalInvocation(decoding: payload) {
    case .sendPending(let stream): return sendPending(stream: stream, context: context, log: log)
    case .lag(let stream): return deliverLagging(stream: stream, context: context, log: log)
    case .sweep: return try sweep(context: context, log: log)
    case .sweepEventStreams:
      sweepEventStreams(log: log)
      return PublishAnswer().encoded()
    case .greet, nil: return try publish(payload, context: context, log: log)
    }
  }

  private mutating func publish(_ payload: [UInt8], context: InvocationContext, log: Log) throws -> [UInt8] {
    let batch = try PublishBatch(
      decoding: payload, types: streams.types, limits: limits, clock: clock, randomness: randomness)
    for type in batch.keylessTypes {
      log.debug(
        "events without a key",
        ["type": .identifier(type), "member": .own(LogText(known: streams.types.keyMember(of: type) ?? ""))])
    }
    var answer = PublishAnswer()
    for error in batch.errors { answer.reject(error) }
    var touched = TouchedStreams()
    for group in batch.groups where !(batch.stopsAtFailure && answer.hasFailures) {
      append(group, touched: &touched, answer: &answer, log: log)
    }
    // Without a name to be invoked by, no other invocation goes on.
    let reports = streams.send(
      touched.names, through: touched.through,
      maximumWaitMilliseconds: itself.name == nil ? .max : Self.maximumWaitMilliseconds,
      deadlineMilliseconds: context.deadlineMilliseconds)
    for report in reports {
      answer.add(report, events: touched.count(stream: report.stream))
      invokeLater(report, log: log)
    }
    answer.sent.accept(answer.accepted)
    writeMetrics(answer, context: context)
    logPublished(
      answer, source: batch.source, appended: touched.appended,
      log: log.with(["correlationIds": .text(batch.correlationIDs)]))
    return try batch.answer(answer, log: log)
  }

  /// How long a publisher is kept waiting, once its own events were sent, by what others publish.
  static var maximumWaitMilliseconds: Int64 { 1_000 }

  // MARK: Append

  /// Appends stream by stream.
  private mutating func append(
    _ events: [(index: Int, event: Event)], touched: inout TouchedStreams, answer: inout PublishAnswer, log: Log
  ) {
    var streams: [(name: String, events: [(index: Int, event: Event)])] = []
    var positions: [[UInt8]: Int] = [:]
    for item in events {
      let name = item.event.stream
      let position = positions[Array(name.utf8)] ?? streams.count
      if position == streams.count {
        positions[Array(name.utf8)] = position
        streams.append((name, []))
      }
      streams[position].events.append(item)
    }
    for stream in streams { append(stream.events, to: stream.name, touched: &touched, answer: &answer, log: log) }
  }

  private mutating func append(
    _ events: [(index: Int, event: Event)], to stream: String, touched: inout TouchedStreams,
    answer: inout PublishAnswer, log: Log
  ) {
    let outcomes: [AppendOutcome]
    do {
      outcomes = try eventLog.append(events.map(\.event), to: stream)
    } catch {
      log.error("events not appended", ["stream": .stream(stream), "reason": .own(LogText(error))])
      for (index, _) in events {
        answer.notAppended.insert(index)
        answer.failure = error
        answer.reject(PublishError(index: index, code: "not_appended", message: "the log did not take it: \(error)"))
      }
      return
    }
    for (type, count) in eventLog.evictedStates {
      log.warn(
        "keys left a state: more than are kept",
        ["stream": .stream(stream), "type": .identifier(type), "keys": .number(Int64(count))])
    }
    for ((index, event), outcome) in zip(events, outcomes) {
      switch outcome {
      // One that was known may be in the log since a moment ago, by a publish that died before it could send it.
      case .appended(let sequence), .appendedDespiteKey(let sequence), .known(let sequence):
        if case .appendedDespiteKey = outcome { answer.despiteKey.append(index) }
        answer.accepted += 1
        touched.add(stream: stream, sequence: sequence)
        log.debug(
          "accepted",
          [
            "stream": .stream(stream), "id": .identifier(event.id),
            "correlationId": .text(event.correlationID ?? event.id),
          ])
      case .refused(let refusal): answer.reject(PublishError(refusal, index: index))
      }
    }
  }

  // MARK: What was left

  private mutating func sendPending(stream: String, context: InvocationContext, log: Log) -> [UInt8] {
    var answer = PublishAnswer()
    add(
      [streams.sendPending(of: stream, deadlineMilliseconds: context.deadlineMilliseconds)], answer: &answer,
      log: log)
    report(answer, log: log, context: context)
    return answer.encoded()
  }

  private mutating func sendPending(
    _ names: [String], answer: inout PublishAnswer, context: InvocationContext, log: Log
  ) {
    add(streams.send(names, deadlineMilliseconds: context.deadlineMilliseconds), answer: &answer, log: log)
  }

  private mutating func add(_ reports: [StreamSender<Sender>.Report], answer: inout PublishAnswer, log: Log) {
    for report in reports {
      answer.add(report, events: 0)
      invokeLater(report, log: log)
    }
  }

  /// So many streams are looked at, and sent, at once.
  private static var sweptTogether: Int { 64 }
  /// Nothing more is looked for so short before the deadline.
  private static var sweepReserveMilliseconds: Int64 { 5_000 }

  /// Sends every stream with unsent events or connections that lag, unless another process is at it. It begins
  /// anywhere: one that has no time for all of them comes to each by and by.
  private mutating func sweep(context: InvocationContext, log: Log) throws(TableError) -> [UInt8] {
    var answer = PublishAnswer()
    closeEnded(&answer, context: context, log: log)
    let rows = try streams.activeStreams.all()
    let first = rows.isEmpty ? 0 : randomness.integer(in: 0...rows.count - 1)
    var rest = rows[first...] + rows[..<first]
    var pending: [String] = []
    var lagging: [String] = []
    var swept = 0
    while !rest.isEmpty, clock.milliseconds() < context.deadlineMilliseconds - Self.sweepReserveMilliseconds {
      let some = Array(rest.prefix(Self.sweptTogether))
      rest = rest.dropFirst(some.count)
      let works = try streams.activeStreams.pendingWork(of: some.map(\.stream))
      pending += zip(some, works).compactMap { $1.isPending ? $0.stream : nil }
      lagging += zip(some, works).compactMap { $1.isLagDue ? $0.stream : nil }
      swept += works.count { $0.isPending }
      if pending.count >= Self.sweptTogether || rest.isEmpty {
        sendPending(pending, answer: &answer, context: context, log: log)
        pending = []
      }
      try streams.activeStreams.removeIdle(zip(some, works).compactMap { !$1.isPending && $1.isCaughtUp ? $0 : nil })
    }
    sendPending(pending, answer: &answer, context: context, log: log)
    for stream in lagging { sweepLagging(stream: stream, answer: &answer, context: context, log: log) }
    if !rest.isEmpty { log.warn("sweep had no time for all streams", ["left": .number(Int64(rest.count))]) }
    goRound(&answer, context: context, log: log)
    if swept > 0 {
      log.info("sweep found streams to send", ["streams": .number(Int64(swept))])
      logCounts("pending events sent", answer, log: log)
    }
    sweepEventStreams(log: log)
    writeMetrics(answer, context: context)
    return answer.encoded()
  }

  /// Streams that are left come all the same if this fails.
  private func closeEnded(_ answer: inout PublishAnswer, context: InvocationContext, log: Log) {
    do throws(TableError) {
      let deadline = min(context.deadlineMilliseconds, clock.milliseconds() + Self.closingMilliseconds)
      let counts = try streams.closeEnded(deadlineMilliseconds: deadline)
      if counts.gone > 0 { log.info("connections ended", ["connections": .number(Int64(counts.gone))]) }
      answer.counts.add(counts)
    } catch {
      log.error("connections whose credential ended not closed", ["reason": .text(error.description)])
    }
  }

  /// So much of a sweep goes to connections that have ended.
  private static var closingMilliseconds: Int64 { 10_000 }

  // MARK: The slow ones

  private mutating func deliverLagging(stream: String, context: InvocationContext, log: Log) -> [UInt8] {
    var answer = PublishAnswer()
    let report = streams.deliverLagging(stream: stream, deadlineMilliseconds: context.deadlineMilliseconds)
    answer.add(report, events: 0)
    if report.hasPendingEvents { invokeLater(.sendPending(stream: stream), of: stream, log: log) }
    // It had no time for all: its retries outlive it.
    if report.isLagDue { invokeLater(.lag(stream: stream), of: stream, log: log) }
    self.report(answer, log: log, context: context)
    return answer.encoded()
  }

  /// Without a name to be invoked by the sweep is the lag sender.
  private func sweepLagging(stream: String, answer: inout PublishAnswer, context: InvocationContext, log: Log) {
    guard itself.name == nil else { return invokeLater(.lag(stream: stream), of: stream, log: log) }
    guard clock.milliseconds() < context.deadlineMilliseconds - Self.sweepReserveMilliseconds else { return }
    answer.add(streams.deliverLagging(stream: stream, deadlineMilliseconds: context.deadlineMilliseconds), events: 0)
  }

  private mutating func invokeLater(_ report: StreamSender<Sender>.Report, log: Log) {
    if report.hasPendingEvents { invokeLater(.sendPending(stream: report.stream), of: report.stream, log: log) }
    guard report.isLagDue, itself.name != nil else { return }
    // The lag sender that has the lease will read what was written before.
    if (try? streams.lagLeases.isLeased(stream: report.stream)) == true { return }
    if lagRequests.acquire(
      stream: report.stream, isPlanned: report.isLagPlanned, nowMilliseconds: clock.milliseconds())
    {
      invokeLater(.lag(stream: report.stream), of: report.stream, log: log)
    }
  }

  /// Lambda runs this function again, soon. If it cannot be told, the sweep finds the stream within a minute.
  private func invokeLater(_ invocation: InternalInvocation, of stream: String, log: Log) {
    itself.invokeLater(
      invocation.encoded(), otherwise: "not invoked again; the sweep will send it",
      log: log.with(["stream": .stream(stream)]))
  }
}
