import JSON
import Messaging

/// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
enum KinesisShape {
  /// What the Kinesis Producer Library begins an aggregate of several records with.
  private static let aggregateMagic: [UInt8] = [0xF3, 0x89, 0x9A, 0xC2]

  static func record(_ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var sequence = ""
    var eventID = ""
    var data = ""
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "eventID": eventID = try reader.string()
      case "kinesis":
        try reader.beginObject()
        while let name = try reader.nextKey() {
          switch name {
          case "sequenceNumber": sequence = try reader.string()
          case "data": data = try reader.string()
          default: try reader.skip()
          }
        }
      default: try reader.skip()
      }
    }
    return SourceRecord(identifier: sequence, word: SourceRecord.word("kinesis", eventID), payload: payload(data))
  }

  private static func payload(_ data: String) -> Result<[UInt8], SourceRefusal> {
    Encoded.payload(data).flatMap { bytes in
      bytes.starts(with: aggregateMagic)
        ? .failure(
          SourceRefusal(
            code: "aggregated",
            message: "the record is an aggregate of the Kinesis Producer Library; send records one by one"))
        : .success(Wrapping.payload(of: bytes).payload)
    }
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html: `{"topic-0":[…],"topic-1":[…]}`
enum KafkaShape {
  static func records(in partitions: [UInt8]) throws(JSONError) -> [SourceRecord] {
    var records: [SourceRecord] = []
    var reader = JSONReader(partitions)
    try reader.beginObject()
    while let partition = try reader.nextKey() {
      try reader.beginArray()
      while try reader.nextElement() { records.append(try record(partition, &reader)) }
    }
    return records
  }

  private static func record(_ partition: String, _ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var offset: Int64 = 0
    var value: String?
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "offset": offset = try reader.integer()
      case "value": value = try reader.null() ? nil : try reader.string()
      default: try reader.skip()
      }
    }
    let empty = SourceRefusal(code: "no_value", message: "a record without a value holds no event")
    return SourceRecord(
      identifier: String(offset), partition: partition, word: "kafka:\(partition)@\(offset)",
      payload: value.map { Encoded.payload($0).map { Wrapping.payload(of: $0).payload } } ?? .failure(empty))
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html: `{"queue::/":[…]}`
enum RabbitMQShape {
  static func records(in queues: [UInt8]) throws(JSONError) -> [SourceRecord] {
    var records: [SourceRecord] = []
    var reader = JSONReader(queues)
    try reader.beginObject()
    while let queue = try reader.nextKey() {
      try reader.beginArray()
      while try reader.nextElement() { records.append(try record(queue, &reader)) }
    }
    return records
  }

  /// A message has a name only if its sender gave it one.
  private static func record(_ queue: String, _ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var data = ""
    var identifier: String?
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "data": data = try reader.string()
      case "basicProperties":
        try reader.beginObject()
        while let name = try reader.nextKey() {
          if name == "messageId" {
            identifier = try reader.null() ? nil : try reader.string()
          } else {
            try reader.skip()
          }
        }
      default: try reader.skip()
      }
    }
    return SourceRecord(
      identifier: identifier ?? "", partition: queue, word: identifier.map { "rabbitmq:\($0)" },
      payload: Encoded.payload(data).map { Wrapping.payload(of: $0).payload })
  }
}

/// Bytes that travel in base64.
private enum Encoded {
  static func payload(_ text: String) -> Result<[UInt8], SourceRefusal> {
    guard let bytes = Base64.decode(text.utf8) else {
      return .failure(SourceRefusal(code: "not_base64", message: "the record's data is not base64"))
    }
    return .success(bytes)
  }
}
