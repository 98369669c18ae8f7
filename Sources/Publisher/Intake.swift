import ConnectionStore
import EventSources
import LambdaRuntime
import Messaging
import Streams
import Telemetry

/// The events of one invocation, whatever invoked it, and the way back from an event to the message it came in.
struct Intake {
  private let batch: SourceBatch
  /// Counted through all messages, in their order.
  private(set) var events: [(index: Int, event: Event)] = []
  private(set) var errors: [PublishError] = []
  /// The message of each event, by the event's place.
  private var recordOf: [Int: Int] = [:]
  /// What is wrong with messages, for the log.
  private var refused: [(record: Int, error: PublishError)] = []

  var source: EventSource { batch.source }

  /// Of an ordered queue nothing is done after the first failure: it would overtake what comes again.
  var stopsAtFailure: Bool { batch.source == .sqs(isOrdered: true) }

  /// By which the lines of a publish, of its rounds and of its deliveries are found together: those of the first few
  /// events.
  var correlationIDs: String {
    var ids: [String] = []
    for (_, event) in events.prefix(100) {
      let id = event.correlationID ?? event.id
      if !ids.contains(id) { ids.append(id) }
    }
    return ids.prefix(10).joined(separator: ",")
  }

  /// The events that are appended and sent together: of an ordered queue those of one message, else all.
  var groups: [[(index: Int, event: Event)]] {
    guard stopsAtFailure else { return [events] }
    return batch.records.indices.map { record in events.filter { recordOf[$0.index] == record } }
  }

  /// An event that brings no idempotency key gets one from its message, so that a message that comes again is the same
  /// event. A publish of somebody who waits for the answer has no such name.
  init(
    decoding payload: [UInt8], _ limits: StreamLimits, _ clock: Clock, _ randomness: Randomness
  ) throws(UnknownSource) {
    do throws(SourceRefusal) {
      batch = try SourceBatch(decoding: payload)
    } catch {
      throw UnknownSource(refusal: error)
    }
    for (record, message) in batch.records.enumerated() {
      take(message, record) {
        PublishRequest(decoding: $0, maximumBytes: limits.eventBytes, clock: clock, randomness: randomness)
      }
    }
  }

  private mutating func take(_ message: SourceRecord, _ record: Int, _ decode: ([UInt8]) -> PublishRequest) {
    switch message.payload {
    case .failure(let refusal):
      refuse(PublishError(code: refusal.code, message: refusal.message), record)
    case .success(let payload):
      let request = decode(payload)
      let first = recordOf.count
      for error in request.errors { refuse(error.moved(by: first), record) }
      for (index, event) in request.events {
        var event = event
        if event.idempotencyKey == nil, let word = message.word { event.idempotencyKey = "\(word)#\(index)" }
        events.append((first + index, event))
      }
      for place in 0..<request.count { recordOf[first + place] = record }
    }
  }

  private mutating func refuse(_ error: PublishError, _ record: Int) {
    errors.append(error)
    refused.append((record, error))
  }

  /// What the source is told. A message that can never be published is told in the log, once, and does not come again;
  /// one that failed for a reason that may pass does.
  func answer(_ answer: PublishAnswer, _ log: Log) throws(InvocationFailed) -> [UInt8] {
    if batch.source == .direct {
      // Scheduler and asynchronous invocations read no answer; Lambda makes them again when they fail. Where something
      // was accepted that would publish it twice.
      if answer.accepted == 0, !answer.notAppended.isEmpty {
        throw InvocationFailed(source: batch.source.name, count: answer.notAppended.count, reason: answer.failure)
      }
      return answer.encoded()
    }
    for (record, error) in refused {
      log.warn(
        "event rejected",
        [
          "source": .text(batch.source.name), "message": .text(batch.records[record].identifier),
          "code": .text(error.code), "reason": .text(error.message),
        ])
    }
    let failed = Set(answer.notAppended.compactMap { recordOf[$0] })
    switch batch.answer(failed: failed) {
    case .answer(let bytes): return bytes
    case .fail: throw InvocationFailed(source: batch.source.name, count: failed.count, reason: answer.failure)
    }
  }
}

/// Something invoked the function that it does not know: better its queue keeps the messages than that they are lost.
struct UnknownSource: LambdaError, CustomStringConvertible {
  let refusal: SourceRefusal
  var errorType: String { "Function.UnknownSource" }
  var description: String { refusal.description }
}

/// Messages failed and their source has no other way of being told.
struct InvocationFailed: LambdaError, CustomStringConvertible {
  let source: String
  let count: Int
  var reason: TableError?
  var errorType: String { "Function.NotPublished" }
  var description: String {
    let advice = reason?.mayPass ?? true ? "invoke again" : "that does not pass by itself"
    return "\(source): \(count) were not published: \(reason.map { "\($0); " } ?? "")\(advice)"
  }
}
