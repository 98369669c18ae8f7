import JSON

/// https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
///
/// An item with an attribute `event`, a string, publishes what that string says when it is written (the outbox of a
/// transaction). Any other change is an event of its own: type `table:insert`, `table:modify` or `table:remove`, key
/// the item's key, data `{"keys":…,"new":…,"old":…}` in plain JSON.
enum DynamoDBStreamShape {
  static func record(_ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var change = Change()
    var name = ""
    var eventID = ""
    try reader.beginObject()
    while let member = try reader.nextKey() {
      switch member {
      case "eventName": name = try reader.string()
      case "eventID": eventID = try reader.string()
      case "dynamodb": try change.read(&reader)
      default: try reader.skip()
      }
    }
    return SourceRecord(
      identifier: change.sequence, word: SourceRecord.word("dynamodb", eventID),
      payload: .success(change.event.flatMap { name == "REMOVE" ? nil : $0 } ?? change.described(as: name)))
  }

  private struct Change {
    var sequence = ""
    /// What the new image's `event` says.
    var event: [UInt8]?
    private var keys: [UInt8]?
    private var keyText = ""
    private var new: [UInt8]?
    private var old: [UInt8]?

    mutating func read(_ reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let member = try reader.nextKey() {
        switch member {
        case "SequenceNumber": sequence = try reader.string()
        case "Keys": (keys, keyText, _) = try PlainJSON.object(&reader)
        case "NewImage": (new, _, event) = try PlainJSON.object(&reader)
        case "OldImage": (old, _, _) = try PlainJSON.object(&reader)
        default: try reader.skip()
        }
      }
    }

    func described(as name: String) -> [UInt8] {
      var writer = JSONWriter(reservingBytes: (new?.count ?? 0) + (old?.count ?? 0) + 256)
      writer.object { writer in
        writer.member("type", "table:\(name.lowercased())")
        if !keyText.isEmpty { writer.member("key", keyText) }
        writer.key("data")
        writer.object { writer in
          for (name, image) in [("keys", keys), ("new", new), ("old", old)] {
            if let image { writer.member(name, raw: image) }
          }
        }
      }
      return writer.bytes
    }
  }
}

/// Attributes with their kinds (`{"S":"a"}`) as plain JSON (`"a"`).
private enum PlainJSON {
  /// An item; its strings and numbers in a row, as a text for a key; and its attribute `event`, if that is a string.
  static func object(_ reader: inout JSONReader) throws(JSONError) -> (json: [UInt8], text: String, event: [UInt8]?) {
    var writer = JSONWriter(reservingBytes: 256)
    var texts: [String] = []
    var event: [UInt8]?
    try reader.beginObject()
    try writer.object { (writer) throws(JSONError) in
      while let name = try reader.nextKey() {
        writer.key(name)
        let text = try value(&reader, &writer)
        if let text { texts.append(text) }
        if name == "event", let text { event = Array(text.utf8) }
      }
    }
    return (writer.bytes, texts.joined(separator: "/"), event)
  }

  /// Writes one attribute's value; answers a string or a number as text.
  private static func value(_ reader: inout JSONReader, _ writer: inout JSONWriter) throws(JSONError) -> String? {
    var text: String?
    try reader.beginObject()
    while let kind = try reader.nextKey() {
      switch kind {
      case "N":
        text = try reader.string()
        writer.raw((text ?? "").utf8)
      case "S":
        text = try reader.string()
        writer.string(text ?? "")
      case "B": writer.string(try reader.string())
      case "BOOL": writer.boolean(try reader.boolean())
      case "NULL":
        try reader.skip()
        writer.null()
      case "M":
        try reader.beginObject()
        try writer.object { (writer) throws(JSONError) in
          while let name = try reader.nextKey() {
            writer.key(name)
            _ = try value(&reader, &writer)
          }
        }
      case "L":
        try reader.beginArray()
        try writer.array { (writer) throws(JSONError) in
          while try reader.nextElement() { _ = try value(&reader, &writer) }
        }
      case "NS":
        try reader.beginArray()
        try writer.array { (writer) throws(JSONError) in
          while try reader.nextElement() { writer.raw(try reader.string().utf8) }
        }
      case "SS", "BS":
        try reader.beginArray()
        try writer.array { (writer) throws(JSONError) in
          while try reader.nextElement() { writer.string(try reader.string()) }
        }
      default:
        try reader.skip()
        writer.null()
      }
    }
    return text
  }
}
