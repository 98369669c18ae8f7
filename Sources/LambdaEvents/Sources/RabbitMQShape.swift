import Crypto
import JSON

/// https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html: `{"queue::/":[…]}`; each message with its broker and
/// queue: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-mq.html
struct RabbitMQShape {
  private var queue = ""
  private var broker = ""
  private var identifier = ""
  private var timestamp = ""
  private var data: String?

  static func records(in queues: [UInt8], origin: String) throws(JSONError) -> [SourceRecord] {
    var records: [SourceRecord] = []
    var reader = JSONReader(queues)
    try reader.beginObject()
    while let queue = try reader.nextKey() {
      try reader.beginArray()
      while try reader.nextElement() {
        var shape = RabbitMQShape()
        try shape.read(from: &reader)
        shape.queue = queue
        shape.broker = origin
        records.append(shape.record)
      }
    }
    return records
  }

  static func pipedRecord(from reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var shape = RabbitMQShape()
    try shape.read(from: &reader)
    return shape.record
  }

  private mutating func read(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "eventSourceArn": broker = try reader.text() ?? ""
      case "eventSourceKey": queue = try reader.text() ?? ""
      case "data": data = try reader.text()
      case "basicProperties": try readProperties(from: &reader)
      default: try reader.skip()
      }
    }
  }

  private mutating func readProperties(from reader: inout JSONReader) throws(JSONError) {
    guard try reader.peek() == .object else { return try reader.skip() }
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "messageId": identifier = try reader.digits() ?? ""
      case "timestamp": timestamp = try reader.digits() ?? ""
      default: try reader.skip()
      }
    }
  }

  private var record: SourceRecord {
    var record = SourceRecord(payload: Encoded.bytes(data).map { Wrapping.payload(of: $0).payload })
    record.identifier = identifier
    record.partition = queue
    record.name = identifier.isEmpty ? queue : "\(queue) \(identifier)"
    record.origin = broker
    record.key = key
    return record
  }

  /// Id and time are the sender's, who may give all its messages the same: the content is part of the key, so that two
  /// messages with one id are two events unless they say the same at the same time. A message without an id has no key:
  /// the broker's own mark, `redelivered`, does not say of which earlier message it is the second delivery.
  private var key: String? {
    guard !identifier.isEmpty else { return nil }
    let content = SHA256.hash(Array((data ?? "").utf8)).hexadecimal.prefix(32)
    return MessageKey.text("rabbitmq", origin: [broker, queue, timestamp, String(content)], identity: identifier)
  }
}
