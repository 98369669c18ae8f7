import JSON
import Messaging

/// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html and, in a bare list,
/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
///
/// An item with an attribute `event`, a string that has the form of a publish, publishes what that string says when it
/// is written (the outbox of a transaction). Any other change is an event of its own: type `table:insert`,
/// `table:modify` or `table:remove`, key the table and the item's key, data `{"table":…,"keys":…,"new":…,"old":…}` in
/// plain JSON.
struct DynamoDBStreamShape {
  private var sequence = ""
  private var eventID = ""
  private var name = ""
  private var arn = ""
  private var keys: PlainItem?
  private var new: PlainItem?
  private var old: PlainItem?

  static func record(from reader: inout JSONReader, isPiped: Bool) throws(JSONError) -> SourceRecord {
    var shape = DynamoDBStreamShape()
    try shape.read(from: &reader)
    var record = SourceRecord(payload: .success(shape.event ?? shape.described))
    record.identifier = isPiped ? shape.eventID : shape.sequence
    record.name = shape.sequence
    record.origin = shape.arn
    record.key = MessageKey.text(
      "dynamodb", origin: [shape.arn], identity: shape.eventID.isEmpty ? shape.sequence : shape.eventID)
    return record
  }

  private mutating func read(from reader: inout JSONReader) throws(JSONError) {
    try reader.beginObject()
    while let member = try reader.nextKey() {
      switch member {
      case "dynamodb": try read(from: &reader)
      case "eventName": name = try reader.text() ?? ""
      case "eventID": eventID = try reader.text() ?? ""
      case "eventSourceARN": arn = try reader.text() ?? ""
      case "SequenceNumber": sequence = try reader.text() ?? ""
      case "Keys": keys = try PlainItem(&reader)
      case "NewImage": new = try PlainItem(&reader)
      case "OldImage": old = try PlainItem(&reader)
      default: try reader.skip()
      }
    }
  }

  /// What the item itself has to say. `event` is a common name: a string or a number that is no event is an attribute
  /// like any other.
  private var event: [UInt8]? {
    guard name != "REMOVE", let text = new?.event else { return nil }
    let bytes = Array(text.utf8)
    return EventForm.isPublish(bytes) ? bytes : nil
  }

  /// `arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/LABEL`
  private var table: String {
    guard let resource = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).last else {
      return ""
    }
    let parts = resource.split(separator: "/")
    return parts.count > 1 && parts[0] == "table" ? String(parts[1]) : ""
  }

  private var described: [UInt8] {
    var writer = JSONWriter(reservingBytes: (new?.json.count ?? 0) + (old?.json.count ?? 0) + 256)
    writer.object { writer in
      writer.member("type", "table:\(name.lowercased())")
      if let keys, !keys.key.isEmpty {
        writer.member("key", KeyText.joined([table] + keys.key, maximumBytes: Limit.keyBytes))
      }
      writer.key("data")
      writer.object { writer in
        if !table.isEmpty { writer.member("table", table) }
        for (name, item) in [("keys", keys), ("new", new), ("old", old)] {
          if let item { writer.member(name, raw: item.json) }
        }
      }
    }
    return writer.bytes
  }
}
