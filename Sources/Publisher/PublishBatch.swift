import ConnectionStore
import Connections
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

/// The events of one invocation, whatever invoked it, and the way back from an event to the message it came in.
struct PublishBatch {
  private let batch: SourceBatch
  /// Counted through all messages, in their order.
  private(set) var events: [(index: Int, event: Event)] = []
  private(set) var errors: [PublishError] = []
  /// The types of which an event got no key though the file says where it stands, each once.
  private(set) var keylessTypes: [String] = []
  /// The message of each event, by the event's index.
  private var recordOf: [Int] = []
  /// The index of each message's first event.
  private var firstOf: [Int] = []

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

  /// An event gets a key from its message, for where it brings no idempotency key, so that a message that comes again is
  /// the same event. A publish whose caller waits for the answer has no such name.
  init(
    decoding payload: [UInt8], types: EventTypeTable, limits: StreamLimits, clock: Clock, randomness: Randomness
  ) throws(UnknownSource) {
    do throws(SourceRefusal) {
      batch = try SourceBatch(decoding: payload)
    } catch {
      throw UnknownSource(refusal: error)
    }
    for (record, message) in batch.records.enumerated() {
      add(message, record: record) {
        PublishRequest(
          decoding: $0, types: types, maximumBytes: limits.eventBytes, clock: clock, randomness: randomness)
      }
    }
  }

  private mutating func add(_ message: SourceRecord, record: Int, _ decode: ([UInt8]) -> PublishRequest) {
    let first = recordOf.count
    firstOf.append(first)
    switch message.payload {
    case .failure(let refusal):
      let error = PublishError(code: refusal.code, message: refusal.message)
      errors.append(error.moved(by: first, record: record))
    case .success(let payload):
      let request = decode(payload)
      keylessTypes += request.keylessTypes.filter { !keylessTypes.contains($0) }
      errors += request.errors.map { $0.moved(by: first, record: record) }
      for (index, event) in request.events {
        var event = event
        event.messageKey = message.key.map { "\($0)#\(index)" }
        events.append((first + index, event))
      }
      recordOf += Array(repeating: record, count: request.count)
    }
  }

  /// What the source is told. A message that can never be published is told in the log, once, and does not come again;
  /// one that failed for a reason that may pass does.
  func answer(_ answer: PublishAnswer, log: Log) throws -> [UInt8] {
    let failed = Set(answer.notAppended.map { recordOf[$0] })
    report(answer, comingAgain: batch.comingAgain(failed: failed), log: log)
    if batch.source == .direct { return try direct(answer) }
    switch batch.answer(failed: failed) {
    case .answer(let bytes): return bytes
    case .fail: throw InvocationFailed(source: batch.source.name, count: failed.count, reason: answer.failure)
    }
  }

  /// A rule with a constant input, Scheduler and an asynchronous call read no answer; Lambda makes them again when they
  /// fail, and keeps what fails for good where it was told to. Where something was accepted that would publish it twice.
  private func direct(_ answer: PublishAnswer) throws -> [UInt8] {
    guard answer.accepted == 0, !answer.errors.isEmpty else { return answer.encoded() }
    guard answer.notAppended.isEmpty else {
      throw InvocationFailed(source: batch.source.name, count: answer.notAppended.count, reason: answer.failure)
    }
    throw NothingPublished(answer: answer)
  }

  // MARK: The log

  /// So many lines at most are written about the events of one message.
  private static let linesOfMessage = 100

  /// Every event that was rejected, once. One whose message comes again is told then; and nobody may read the answer to
  /// a direct publish.
  private func report(_ answer: PublishAnswer, comingAgain: Set<Int>, log: Log) {
    var lines: [Int: Int] = [:]
    for error in answer.errors {
      guard let record = error.record ?? error.index.map({ recordOf[$0] }), !comingAgain.contains(record) else {
        continue
      }
      lines[record, default: 0] += 1
      if lines[record] ?? 0 <= Self.linesOfMessage { report(error, record: record, log: log) }
    }
    for (record, count) in lines.sorted(by: { $0.key < $1.key }) where count > Self.linesOfMessage {
      named(record: record, log: log).warn(
        "further events of the message rejected", ["events": .number(Int64(count - Self.linesOfMessage))])
    }
    for index in answer.despiteKey {
      named(record: recordOf[index], log: log).warn(
        "event published; another message bears the same name",
        ["event": .number(Int64(index - firstOf[recordOf[index]])), "code": "message_key_taken"])
    }
  }

  private func report(_ error: PublishError, record: Int, log: Log) {
    var log = named(record: record, log: log)
    if let index = error.index { log = log.with(["event": .number(Int64(index - firstOf[record]))]) }
    log.warn("event rejected", ["code": .identifier(error.code), "reason": .text(error.message)])
  }

  private func named(record: Int, log: Log) -> Log {
    let record = batch.records[record]
    return log.with([
      "source": .identifier(batch.source.name), "from": .identifier(record.origin), "messageId": name(of: record),
    ])
  }

  /// A sender chooses the ids of messages of RabbitMQ and EventBridge; all others are AWS's.
  private func name(of record: SourceRecord) -> Log.Value {
    switch batch.source {
    case .rabbitMQ, .eventBridge: .text(record.name)
    default: .identifier(record.name)
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
