import JSON

/// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html; without the `kinesis` around its members:
/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html
struct KinesisShape {
  /// What the Kinesis Producer Library begins an aggregate of several records with.
  private static let aggregateMagic: [UInt8] = [0xF3, 0x89, 0x9A, 0xC2]

  private var sequence = ""
  private var eventID = ""
  private var stream = ""
  private var data: String?

  static func record(from reader: inout JSONReader, isPiped: Bool) throws(JSONError) -> SourceRecord {
    var shape = KinesisShape()
    try shape.read(from: &reader)
    var record = SourceRecord(payload: shape.payload)
    record.identifier = isPiped ? shape.eventID : shape.sequence
    record.name = shape.sequence
    record.origin = shape.stream
    // The shard and the sequence number.
    record.key = MessageKey.text(
      "kinesis", origin: [shape.stream], identity: shape.eventID.isEmpty ? shape.sequence : shape.eventID)
    return record
  }

  private mutating func read(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "kinesis": try read(from: &reader)
      case "eventID": eventID = try reader.text() ?? ""
      case "eventSourceARN": stream = try reader.text() ?? ""
      case "sequenceNumber": sequence = try reader.text() ?? ""
      case "data": data = try reader.text()
      default: try reader.skip()
      }
    }
  }

  private var payload: Result<[UInt8], SourceRefusal> {
    Encoded.bytes(data).flatMap { bytes in
      bytes.starts(with: Self.aggregateMagic)
        ? .failure(
          SourceRefusal(
            code: "aggregated",
            message: "the record is an aggregate of the Kinesis Producer Library; send records one by one"))
        : .success(Wrapping.payload(of: bytes).payload)
    }
  }
}
