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
  package let identifier: String
  /// Of Kafka: `topic-partition`.
  package let partition: String
  /// The same for every delivery of this message, and for no other: the word for events that bring no idempotency key.
  package let word: String?
  /// What is published, one event or `{"events":[…]}`; or why this can never be.
  package let payload: Result<[UInt8], SourceRefusal>

  package init(
    identifier: String = "", partition: String = "", word: String? = nil, payload: Result<[UInt8], SourceRefusal>
  ) {
    self.identifier = identifier
    self.partition = partition
    self.word = word
    self.payload = payload
  }
}

extension SourceRecord {
  /// Messages without a name have no word: one word for all would make one event of them.
  static func word(_ source: String, _ identifier: String) -> String? {
    identifier.isEmpty ? nil : "\(source):\(identifier)"
  }
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
}

/// The messages of one invocation, whatever invoked it.
package struct SourceBatch: Equatable, Sendable {
  package let source: EventSource
  package let records: [SourceRecord]

  package init(source: EventSource, records: [SourceRecord]) {
    self.source = source
    self.records = records
  }
}
