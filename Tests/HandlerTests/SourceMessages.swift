import JSON
import Messaging
import TestSupport

/// Invocations as the sources of events write them, for any bodies.
enum SourceMessages: String, CaseIterable {
  case sqs, fifo, sns, eventBridge, kinesis, dynamoDB, msk, kafka, rabbitMQ
  case pipedSQS, pipedFIFO, pipedKinesis, pipedDynamoDB, pipedMSK, pipedKafka, pipedRabbitMQ

  enum Content {
    case text(String)
    /// What stands where base64 should, as it is.
    case raw(String)
    /// Nothing stands there.
    case none
  }

  /// Whether bodies travel in base64.
  var isEncoded: Bool { ![.sqs, .fifo, .pipedSQS, .pipedFIFO, .sns, .eventBridge].contains(self) && !isTable }
  var isTable: Bool { self == .dynamoDB || self == .pipedDynamoDB }
  var isKinesis: Bool { self == .kinesis || self == .pipedKinesis }
  var isRabbitMQ: Bool { self == .rabbitMQ || self == .pipedRabbitMQ }
  /// SNS and EventBridge hand over one message at a time.
  var isSingle: Bool { self == .sns || self == .eventBridge }
  private var isPiped: Bool { rawValue.hasPrefix("piped") }

  func invocation(_ contents: [Content]) -> String {
    var writer = JSONWriter()
    switch self {
    case .msk, .kafka, .rabbitMQ: byPartition(contents, &writer)
    case .eventBridge:
      if let first = contents.first { event(first, &writer) }
    default:
      if isPiped { return text(list(contents)) }
      writer.object { $0.member("Records", raw: list(contents)) }
    }
    return text(writer.bytes)
  }

  private func list(_ contents: [Content]) -> [UInt8] {
    var writer = JSONWriter()
    writer.array { writer in
      for (place, content) in contents.enumerated() { writer.object { record(content, place, &$0) } }
    }
    return writer.bytes
  }

  private func record(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    switch self {
    case .sqs, .fifo, .pipedSQS, .pipedFIFO: queued(content, place, &writer)
    case .sns: notified(content, &writer)
    case .kinesis, .pipedKinesis: streamed(content, place, &writer)
    case .dynamoDB, .pipedDynamoDB: changed(content, place, &writer)
    case .pipedMSK, .pipedKafka:
      broker(&writer)
      writer.member("eventSourceKey", "t-\(place % 2)")
      kafka(content, place, &writer)
    case .pipedRabbitMQ:
      broker(&writer)
      writer.member("eventSourceKey", "q::/")
      rabbit(content, place, &writer)
    case .eventBridge, .msk, .kafka, .rabbitMQ: break
    }
  }

  private func queued(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    let isOrdered = self == .fifo || self == .pipedFIFO
    writer.member("eventSource", "aws:sqs")
    writer.member("eventSourceARN", "arn:aws:sqs:us-east-1:1:q\(isOrdered ? ".fifo" : "")")
    writer.member("messageId", "m-\(place)")
    if case .text(let body) = content { writer.member("body", body) }
  }

  private func notified(_ content: Content, _ writer: inout JSONWriter) {
    writer.member("EventSource", "aws:sns")
    writer.key("Sns")
    writer.object { writer in
      writer.member("TopicArn", "arn:aws:sns:us-east-1:1:t")
      writer.member("MessageId", "m-0")
      if case .text(let body) = content { writer.member("Message", body) }
    }
  }

  private func event(_ content: Content, _ writer: inout JSONWriter) {
    writer.object { writer in
      for (name, value) in [("id", "e-0"), ("source", "app"), ("detail-type", "found")] { writer.member(name, value) }
      if case .text(let detail) = content { writer.member("detail", raw: detail.utf8) }
    }
  }

  private func streamed(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    writer.member("eventSource", "aws:kinesis")
    writer.member("eventSourceARN", "arn:aws:kinesis:us-east-1:1:stream/s")
    writer.member("eventID", "shard-0:\(1_000 + place)")
    let inner: (inout JSONWriter) -> Void = { writer in
      writer.member("sequenceNumber", "\(1_000 + place)")
      encoded(content, as: "data", &writer)
    }
    guard !isPiped else { return inner(&writer) }
    writer.key("kinesis")
    writer.object(inner)
  }

  /// The body is the item's `event`; an item has its place as its key.
  private func changed(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    writer.member("eventSource", "aws:dynamodb")
    writer.member("eventSourceARN", "arn:aws:dynamodb:us-east-1:1:table/orders/stream/2026")
    writer.member("eventID", "id-\(place)")
    writer.member("eventName", "INSERT")
    writer.key("dynamodb")
    writer.object { writer in
      writer.member("SequenceNumber", "\(1_000 + place)")
      writer.member("Keys", raw: bytes("{\"pk\":{\"N\":\"\(place)\"}}"))
      guard case .text(let body) = content else { return }
      writer.key("NewImage")
      writer.object { writer in
        writer.key("event")
        writer.object { $0.member("S", body) }
      }
    }
  }

  private func byPartition(_ contents: [Content], _ writer: inout JSONWriter) {
    writer.object { writer in
      broker(&writer)
      writer.key(isRabbitMQ ? "rmqMessagesByQueue" : "records")
      writer.object { writer in
        for partition in isRabbitMQ ? [0] : [0, 1] {
          writer.key(isRabbitMQ ? "q::/" : "t-\(partition)")
          writer.array { writer in
            for (place, content) in contents.enumerated() where isRabbitMQ || place % 2 == partition {
              writer.object { isRabbitMQ ? rabbit(content, place, &$0) : kafka(content, place, &$0) }
            }
          }
        }
      }
    }
  }

  private func broker(_ writer: inout JSONWriter) {
    switch self {
    case .kafka, .pipedKafka:
      writer.member("eventSource", "SelfManagedKafka")
      writer.member("bootstrapServers", "b:9092")
    case .rabbitMQ, .pipedRabbitMQ:
      writer.member("eventSource", "aws:rmq")
      writer.member("eventSourceArn", "arn:aws:mq:us-east-1:1:broker:b")
    default:
      writer.member("eventSource", "aws:kafka")
      writer.member("eventSourceArn", "arn:aws:kafka:us-east-1:1:cluster/c/1")
    }
  }

  private func kafka(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    writer.member("topic", "t")
    writer.member("partition", place % 2)
    writer.member("offset", place)
    writer.member("timestamp", 1_545_084_650_987)
    encoded(content, as: "value", &writer)
  }

  /// Every third message has no id.
  private func rabbit(_ content: Content, _ place: Int, _ writer: inout JSONWriter) {
    writer.key("basicProperties")
    writer.object { $0.member("messageId", ifPresent: place % 3 == 2 ? nil : "m-\(place)") }
    encoded(content, as: "data", &writer)
  }

  private func encoded(_ content: Content, as name: String, _ writer: inout JSONWriter) {
    switch content {
    case .text(let body): writer.member(name, Base64.encode(bytes(body)))
    case .raw(let body): writer.member(name, body)
    case .none:
      writer.key(name)
      writer.null()
    }
  }
}
