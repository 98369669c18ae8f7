/// Who invoked the Publisher.
package enum EventSource: Equatable, Sendable {
  /// Somebody who waits for the answer, or an input that was put together for us: the payload itself is what is
  /// published.
  case direct
  case eventBridge
  case sns
  case sqs(isOrdered: Bool)
  case kinesis
  case dynamoDBStreams
  case kafka
  case rabbitMQ

  package var name: String {
    switch self {
    case .direct: "direct"
    case .eventBridge: "eventBridge"
    case .sns: "sns"
    case .sqs(isOrdered: false): "sqs"
    case .sqs(isOrdered: true): "sqs.fifo"
    case .kinesis: "kinesis"
    case .dynamoDBStreams: "dynamoDBStreams"
    case .kafka: "kafka"
    case .rabbitMQ: "rabbitMQ"
    }
  }
}

/// One message of a source.
package struct SourceRecord: Equatable, Sendable {
  /// What a partial failure calls it by; empty where there is no such thing.
  package var identifier = ""
  /// Of Kafka: `topic-partition`.
  package var partition = ""
  /// What the log calls it by: an id, a sequence number, `topic-partition/offset`.
  package var name = ""
  /// The queue, stream, topic, broker or cluster that it comes from: an ARN, or bootstrap servers.
  package var origin = ""
  /// The same for every delivery of this message, and for no other: the key for events that bring no idempotency key.
  /// Nil where the source gives a message nothing to be known by.
  package var key: String?
  /// What is published, one event or `{"events":[…]}`; or why this can never be.
  package var payload: Result<[UInt8], SourceRefusal>

  package init(payload: Result<[UInt8], SourceRefusal>) { self.payload = payload }
}

/// Why a message, or a whole invocation, holds nothing that can be published.
package struct SourceRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  package let code: String
  package let message: String

  package init(code: String, message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { "\(code): \(message)" }

  /// A tombstone of Kafka, a message without a body.
  static let noValue = SourceRefusal(code: "no_value", message: "a message without a value holds no event")
}

/// The messages of one invocation, whatever invoked it.
package struct SourceBatch: Equatable, Sendable {
  package let source: EventSource
  /// Whether EventBridge Pipes stands between: it hands over a bare array of records.
  package let isPiped: Bool
  package let records: [SourceRecord]

  package init(source: EventSource, isPiped: Bool = false, records: [SourceRecord]) {
    self.source = source
    self.isPiped = isPiped
    self.records = records
  }
}
