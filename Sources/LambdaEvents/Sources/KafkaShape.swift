import JSON

/// https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html: `{"topic-0":[…],"topic-1":[…]}`; each record with its
/// cluster: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-msk.html
struct KafkaShape {
  private var partition = ""
  private var arn = ""
  private var servers = ""
  private var topic = ""
  private var number = ""
  private var offset = ""
  private var timestamp = ""
  private var value: String?

  static func records(in partitions: [UInt8], origin: String) throws(JSONError) -> [SourceRecord] {
    var records: [SourceRecord] = []
    var reader = JSONReader(partitions)
    try reader.beginObject()
    while let partition = try reader.nextKey() {
      try reader.beginArray()
      while try reader.nextElement() {
        var shape = KafkaShape()
        try shape.read(from: &reader)
        shape.partition = partition
        records.append(shape.record(origin))
      }
    }
    return records
  }

  static func pipedRecord(from reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var shape = KafkaShape()
    try shape.read(from: &reader)
    return shape.record(shape.arn.isEmpty ? origin(ofServers: shape.servers) : shape.arn)
  }

  /// Bootstrap servers, in one order however they are listed.
  static func origin(ofServers servers: String) -> String {
    servers.split(separator: ",").sorted().joined(separator: ",")
  }

  private mutating func read(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "eventSourceArn": arn = try reader.text() ?? ""
      case "bootstrapServers": servers = try reader.text() ?? ""
      case "eventSourceKey": partition = try reader.text() ?? ""
      case "topic": topic = try reader.text() ?? ""
      case "partition": number = try reader.digits() ?? ""
      case "offset": offset = try reader.digits() ?? ""
      case "timestamp": timestamp = try reader.digits() ?? ""
      case "value": value = try reader.text()
      default: try reader.skip()
      }
    }
  }

  /// A topic that is made again counts its offsets from 0 again, under the same name in the same cluster; the record's
  /// own time tells them apart. Kafka's events carry no topic id.
  private func record(_ origin: String) -> SourceRecord {
    let partition = partition.isEmpty ? "\(topic)-\(number)" : partition
    // Anything but a number would make the answer say something else.
    let offset = Int64(offset).map(String.init) ?? ""
    var record = SourceRecord(payload: Encoded.bytes(value).map { Wrapping.payload(of: $0).payload })
    record.identifier = offset
    record.partition = partition
    record.name = "\(partition)/\(offset)"
    record.origin = origin
    record.key = MessageKey.text("kafka", origin: [origin, partition, timestamp], identity: offset)
    return record
  }
}
