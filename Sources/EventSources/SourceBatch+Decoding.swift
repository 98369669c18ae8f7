import JSON
import Messaging

extension SourceBatch {
  private static let known = """
    known are one event, {"events":[…]}, and what Lambda hands over from EventBridge, Scheduler, SNS, SQS, Kinesis, DynamoDB \
    Streams, Kafka and RabbitMQ
    """

  /// Recognises an invocation by its shape. An object without any of the marks of a source is somebody's own publish,
  /// and it is for that to say what is wrong with it.
  ///
  /// Throws for what bears the marks of a source that is not known.
  package init(decoding bytes: [UInt8]) throws(SourceRefusal) {
    guard let envelope = Envelope(bytes) else {
      self.init(source: .direct, records: [SourceRecord(payload: .success(bytes))])
      return
    }
    switch (envelope.source, envelope.records) {
    case ("aws:kafka", .byPartition(let records)), ("SelfManagedKafka", .byPartition(let records)):
      self.init(
        source: .kafka, records: try Self.decoded { () throws(JSONError) in try KafkaShape.records(in: records) })
    case ("aws:rmq", .byQueue(let queues)):
      self.init(
        source: .rabbitMQ, records: try Self.decoded { () throws(JSONError) in try RabbitMQShape.records(in: queues) })
    case (_, .list(let records)): self = try Self.batch(records)
    case (_, .none) where envelope.isEventBridge:
      let (payload, word) = EventBridgeShape.payload(of: bytes)
      self.init(source: .eventBridge, records: [SourceRecord(word: word, payload: .success(payload))])
    case (_, .none) where !envelope.isOfASource:
      self.init(source: .direct, records: [SourceRecord(payload: .success(bytes))])
    case (let source, _):
      throw SourceRefusal(code: "unknown_source", message: "no source '\(source.prefix(64))' is known; \(Self.known)")
    }
  }

  private static func batch(_ records: [UInt8]) throws(SourceRefusal) -> SourceBatch {
    let name = try decoded { () throws(JSONError) in try RecordsShape.sourceName(of: records) }
    let all: (_ take: (inout JSONReader) throws(JSONError) -> SourceRecord) throws(SourceRefusal) -> [SourceRecord] = {
      (take) throws(SourceRefusal) in
      try decoded { () throws(JSONError) in try RecordsShape.each(of: records, take) }
    }
    switch name {
    case nil: return SourceBatch(source: .sqs(isOrdered: false), records: [])
    case "aws:sqs"?:
      let isOrdered = try decoded { () throws(JSONError) in try SQSShape.isOrdered(records) }
      return SourceBatch(source: .sqs(isOrdered: isOrdered), records: try all(SQSShape.record))
    case "aws:sns"?: return SourceBatch(source: .sns, records: try all(SNSShape.record))
    case "aws:kinesis"?: return SourceBatch(source: .kinesis, records: try all(KinesisShape.record))
    case "aws:dynamodb"?: return SourceBatch(source: .dynamoDBStreams, records: try all(DynamoDBStreamShape.record))
    case let other?:
      throw SourceRefusal(code: "unknown_source", message: "no source '\(other.prefix(64))' is known; \(known)")
    }
  }

  private static func decoded<Answer>(_ body: () throws(JSONError) -> Answer) throws(SourceRefusal) -> Answer {
    do throws(JSONError) {
      return try body()
    } catch {
      throw SourceRefusal(code: "wrong_shape", message: "the records are not as their source writes them: \(error)")
    }
  }
}

/// What the outermost object of an invocation says of its source. Nil for what is no object.
private struct Envelope {
  enum Records {
    case none
    case list([UInt8])
    case byPartition([UInt8])
    case byQueue([UInt8])
  }

  private(set) var source = ""
  private(set) var records = Records.none
  private var hasDetail = false
  private var hasDetailType = false
  private var hasType = false
  /// It bears a mark of Lambda's event sources, as which it may be malformed.
  private(set) var isOfASource = false

  /// A publish of its own has a `type` or `events`; EventBridge never has.
  var isEventBridge: Bool { hasDetail && hasDetailType && !source.isEmpty && !hasType }

  init?(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() { try read(name, &reader) }
    } catch {
      return nil
    }
  }

  private mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) {
    let kind = try reader.peek()
    switch (name, kind) {
    case ("eventSource", .string):
      source = try reader.string()
      isOfASource = true
    case ("source", .string): source = try reader.string()
    case ("Records", .array): records = .list(Array(try reader.rawValue()))
    case ("records", .object): records = .byPartition(Array(try reader.rawValue()))
    case ("rmqMessagesByQueue", .object): records = .byQueue(Array(try reader.rawValue()))
    case ("detail", _):
      hasDetail = true
      try reader.skip()
    case ("detail-type", .string):
      hasDetailType = true
      try reader.skip()
    case ("type", _), ("events", _):
      hasType = true
      try reader.skip()
    default:
      if name == "Records" || name == "rmqMessagesByQueue" { isOfASource = true }
      try reader.skip()
    }
  }
}
