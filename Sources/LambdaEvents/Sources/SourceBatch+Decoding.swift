import JSON
import Messaging

extension SourceBatch {
  private static let known = """
    known are one event, {"events":[…]}, and what Lambda hands over from EventBridge, Scheduler, SNS, SQS, Kinesis, DynamoDB \
    Streams, Kafka and RabbitMQ, and EventBridge Pipes from the last five
    """

  /// Recognises an invocation by its shape. An object without any of the marks of a source is a direct publish,
  /// and it is for that to say what is wrong with it.
  ///
  /// Throws for what bears the marks of a source that is not known.
  package init(decoding bytes: [UInt8]) throws(SourceRefusal) {
    if let name = RecordsShape.pipedSourceName(of: bytes) {
      self = try Self.batch(bytes, of: name, isPiped: true)
      return
    }
    guard let envelope = Envelope(bytes) else {
      self.init(source: .direct, records: [SourceRecord(payload: .success(bytes))])
      return
    }
    switch (envelope.source, envelope.records) {
    case ("aws:kafka", .byPartition(let records)), ("SelfManagedKafka", .byPartition(let records)):
      self.init(
        source: .kafka,
        records: try Self.decoded { () throws(JSONError) in
          try KafkaShape.records(in: records, origin: envelope.origin)
        })
    case ("aws:rmq", .byQueue(let queues)):
      self.init(
        source: .rabbitMQ,
        records: try Self.decoded { () throws(JSONError) in
          try RabbitMQShape.records(in: queues, origin: envelope.origin)
        })
    case (_, .list(let records)):
      let name = try Self.decoded { () throws(JSONError) in try RecordsShape.sourceName(of: records) }
      self = try Self.batch(records, of: name, isPiped: false)
    case (_, .none) where envelope.isEventBridge:
      self.init(source: .eventBridge, records: [EventBridgeShape.record(bytes)])
    case (_, .none) where !envelope.isOfASource:
      self.init(source: .direct, records: [SourceRecord(payload: .success(bytes))])
    case (let source, _): throw Self.unknown(source)
    }
  }

  private static func batch(_ records: [UInt8], of name: String?, isPiped: Bool) throws(SourceRefusal) -> SourceBatch {
    let all: (_ read: (inout JSONReader) throws(JSONError) -> SourceRecord) throws(SourceRefusal) -> [SourceRecord] = {
      (take) throws(SourceRefusal) in
      try decoded { () throws(JSONError) in try RecordsShape.each(of: records, take) }
    }
    let source: EventSource
    let list: [SourceRecord]
    switch name {
    case nil: (source, list) = (.sqs(isOrdered: false), [])
    case "aws:sqs"?:
      list = try all(SQSShape.record)
      source = .sqs(isOrdered: list.first?.origin.hasSuffix(".fifo") == true)
    // Pipes has no SNS; whatever handed this over would not understand the answer.
    case "aws:sns"? where !isPiped: (source, list) = (.sns, try all(SNSShape.record))
    case "aws:kinesis"?:
      (source, list) = (
        .kinesis, try all { (reader) throws(JSONError) in try KinesisShape.record(from: &reader, isPiped: isPiped) }
      )
    case "aws:dynamodb"?:
      source = .dynamoDBStreams
      list = try all { (reader) throws(JSONError) in try DynamoDBStreamShape.record(from: &reader, isPiped: isPiped) }
    case "aws:kafka"? where isPiped, "SelfManagedKafka"? where isPiped:
      (source, list) = (.kafka, try all(KafkaShape.pipedRecord))
    case "aws:rmq"? where isPiped: (source, list) = (.rabbitMQ, try all(RabbitMQShape.pipedRecord))
    case let other?: throw unknown(other)
    }
    return SourceBatch(source: source, isPiped: isPiped, records: list)
  }

  private static func unknown(_ source: String) -> SourceRefusal {
    SourceRefusal(code: "unknown_source", message: "no source '\(source.prefix(64))' is known; \(known)")
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
  private var arn = ""
  private var servers = ""
  private var hasDetail = false
  private var hasDetailType = false
  private var hasType = false
  /// It bears a mark of Lambda's event sources, as which it may be malformed.
  private(set) var isOfASource = false

  /// A publish of its own has a `type` or `events`; EventBridge never has.
  var isEventBridge: Bool { hasDetail && hasDetailType && !source.isEmpty && !hasType }

  /// Of brokers: what they are called by.
  var origin: String { arn.isEmpty ? KafkaShape.origin(ofServers: servers) : arn }

  init?(_ bytes: [UInt8]) {
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() { try read(name, reader: &reader) }
    } catch {
      return nil
    }
  }

  private mutating func read(_ name: String, reader: inout JSONReader) throws(JSONError) {
    let kind = try reader.peek()
    switch (name, kind) {
    case ("eventSource", .string):
      source = try reader.string()
      isOfASource = true
    case ("eventSourceArn", .string): arn = try reader.string()
    case ("bootstrapServers", .string): servers = try reader.string()
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
