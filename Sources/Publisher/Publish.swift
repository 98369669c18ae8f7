import ConnectionStore
import Delivery
import EventSources
import LambdaRuntime
import Messaging
import Streams
import Telemetry

/// Takes events, puts them into the log, sends them to whoever listens, and says what came of it.
struct Publish<Sender: FrameSender, Events: EventLog>: LambdaHandler {
  let connections: Connections
  var eventLog: Events
  let sender: Sender
  let log: Log
  var clock = Clock.system
  var randomness = Randomness.system

  mutating func handle(_ payload: [UInt8], _ context: InvocationContext) throws -> [UInt8] {
    let log = log.with(["requestId": .text(context.requestID)])
    let intake = try Intake(decoding: payload, clock: clock, randomness: randomness)
    var answer = PublishAnswer()
    for error in intake.errors { answer.reject(error) }
    for group in intake.groups where !(intake.stopsAtFailure && answer.hasFailures) {
      let accepted = append(group, &answer, log)
      for run in EventRun.runs(of: accepted) { send(run, context, &answer, log) }
    }
    report(answer, intake.source, log)
    return try intake.answer(answer, log)
  }

  // MARK: Append

  /// Appends stream by stream; returns what is to be sent.
  private mutating func append(
    _ events: [(index: Int, event: Event)], _ answer: inout PublishAnswer, _ log: Log
  ) -> [Event] {
    var streams: [(name: String, events: [(index: Int, event: Event)])] = []
    var places: [[UInt8]: Int] = [:]
    for item in events {
      let name = item.event.stream
      let place = places[Array(name.utf8)] ?? streams.count
      if place == streams.count {
        places[Array(name.utf8)] = place
        streams.append((name, []))
      }
      streams[place].events.append(item)
    }
    return streams.flatMap { append($0.events, to: $0.name, &answer, log) }
  }

  private mutating func append(
    _ events: [(index: Int, event: Event)], to stream: String, _ answer: inout PublishAnswer, _ log: Log
  ) -> [Event] {
    let outcomes: [AppendOutcome]
    do {
      outcomes = try eventLog.append(events.map(\.event), to: stream)
    } catch {
      log.error("events not appended", ["stream": .text(stream), "reason": .text("\(error)")])
      for (index, _) in events {
        answer.notAppended.insert(index)
        answer.reject(PublishError(index: index, code: "not_appended", message: "the log did not take it: \(error)"))
      }
      return []
    }
    var toSend: [Event] = []
    for ((index, event), outcome) in zip(events, outcomes) {
      switch outcome {
      case .appended:
        answer.accepted += 1
        toSend.append(event)
      case .known: answer.accepted += 1
      case .refused(let refusal): answer.reject(PublishError(refusal, index: index))
      }
    }
    return toSend
  }

  // MARK: Send

  /// Reads who listens page by page while the page before is on its way. A table that fails ends the reading, not the
  /// sending of what was read.
  private func send(
    _ run: EventRun, _ context: InvocationContext, _ answer: inout PublishAnswer, _ log: Log
  ) {
    var listeners = connections.listeners(of: run)
    var frames = FrameCache(run.events)
    var failure: TableError?
    let tally = sender.deliver(
      deadlineMilliseconds: context.deadlineMilliseconds,
      nextPage: {
        do throws(TableError) {
          let page = try listeners.next()
          return page.isEmpty ? nil : page.map { Listener($0, frames.frames($0.parts, $0.dialect, $0.accepts)) }
        } catch {
          failure = error
          return nil
        }
      },
      settled: { listener, ending in settle(listener, ending, run, log) })
    answer.add(tally)
    if let failure {
      log.error("listeners not read", ["reason": .text(failure.description)])
      answer.isComplete = false
      answer.notSent.formUnion(run.events.map(\.id))
      answer.errors.append(PublishError(code: "listeners_not_read", message: failure.description))
    }
  }

  /// A connection that is gone loses its rows; everything else that did not arrive is told to the operator.
  private func settle(_ listener: Listener, _ ending: Ending, _ run: EventRun, _ log: Log) {
    switch ending.reason {
    case .gone:
      do throws(TableError) {
        try connections.disconnect(listener.id, found: run.topics)
      } catch {
        log.error(
          "gone connection not removed",
          ["connectionId": .text(listener.id.text), "reason": .text(error.description)])
      }
    case .refused(let status):
      log.warn(
        "delivery refused", ["connectionId": .text(listener.id.text), "status": .number(Int64(status))])
    case .broken(let reason):
      log.warn("delivery failed", ["connectionId": .text(listener.id.text), "reason": .text(reason)])
    case .unsent:
      log.debug("delivery not made in time", ["connectionId": .text(listener.id.text)])
    }
  }

  private func report(_ answer: PublishAnswer, _ source: EventSource, _ log: Log) {
    log.info(
      "published",
      [
        "source": .text(source.name), "accepted": .number(Int64(answer.accepted)),
        "rejected": .number(Int64(answer.rejected)),
        "deliveries": .number(Int64(answer.tally.deliveries)), "gone": .number(Int64(answer.tally.gone)),
        "retried": .number(Int64(answer.tally.retried)), "failed": .number(Int64(answer.tally.failed)),
        "unsent": .number(Int64(answer.tally.unsent)), "complete": .flag(answer.isComplete),
      ])
  }
}

extension Listener {
  init(_ recipient: Recipient, _ packed: FrameCache.Packed) {
    self.init(
      id: recipient.id, connectedAtMilliseconds: recipient.connectedAtMilliseconds, frames: packed.frames,
      marks: packed.sequences)
  }
}
