public import LambdaEvents
public import LambdaRuntime
import Telemetry

/// Handles the messages of an SQS queue, each by itself.
///
///     struct Parcels: QueueHandler {
///       let publisher: EventPublisher
///
///       mutating func message(_ message: QueueMessage, context: InvocationContext) throws {
///         …
///         _ = try publisher.sendToUser(user, type: "parcel", data: data, idempotencyKey: message.idempotencyKey)
///       }
///     }
///
///     LambdaRuntime.run(try Parcels(publisher: EventPublisher()))
///
/// A message whose method throws comes again, and the others of its batch do not; of a FIFO queue those after it come
/// again too, unhandled, so that nothing overtakes. SQS moves what keeps failing to the queue's dead-letter queue, if it
/// has one. The mapping between queue and function needs `FunctionResponseTypes: [ReportBatchItemFailures]`: without it
/// Lambda drops what failed of a batch.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
public protocol QueueHandler: LambdaHandler {
  /// Handles one message. It may come more than once, also after it was handled: what is published under its
  /// `idempotencyKey` is published once. Its data have to be the same bytes each time, or the event is refused as
  /// `idempotency_key_taken`; a `JSONEncoder` needs `.sortedKeys` for that.
  mutating func message(_ message: QueueMessage, context: InvocationContext) throws
}

extension QueueHandler {
  /// Hands each message to `message` and answers which of them failed. Not to be implemented again; a test of a handler
  /// may call it with an event's JSON.
  public mutating func handle(_ event: [UInt8], context: InvocationContext) throws -> [UInt8] {
    let batch = try QueueBatch(decoding: event)
    let log = try Log(.process)
    var failures: [Int: any Error] = [:]
    for (index, message) in batch.messages.enumerated() {
      do { try self.message(message, context: context) } catch {
        failures[index] = error
        log.warn(
          "message not handled; it comes again",
          [
            "requestId": .identifier(context.requestID), "messageId": .text(message.id), "queue": .text(message.queue),
            "receiveCount": .number(Int64(message.receiveCount)), "reason": .own(LogText(error)),
          ])
        if batch.isOrdered { break }
      }
    }
    switch batch.answer(failed: Set(failures.keys)) {
    case .answer(let bytes): return bytes
    case .fail:
      // Nothing of the batch was handled, so there was a first failure.
      if let index = failures.keys.min(), let error = failures[index] { throw error }
      return []
    }
  }
}
