import JSON

/// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
enum EventBridgeShape {
  /// Whether this is an event of EventBridge: it has `detail-type`, `source` and `detail`, and no `type` of its own.
  static func isEvent(_ bytes: [UInt8]) -> Bool {
    var marks: Set<String> = []
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        marks.insert(name)
        try reader.skip()
      }
    } catch {
      return false
    }
    return marks.isSuperset(of: ["detail-type", "source", "detail"]) && marks.isDisjoint(with: ["type", "events"])
  }

  /// The `detail`, if it is a publish of its own (it has `type`, or `events`); else an event of the type `detail-type`
  /// whose data is the detail.
  static func payload(of bytes: [UInt8]) -> (payload: [UInt8], word: String?) {
    var detail: [UInt8] = Array("null".utf8)
    var type = ""
    var time: String?
    var word: String?
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch (name, try reader.peek()) {
        case ("detail", _): detail = Array(try reader.rawValue())
        case ("detail-type", .string): type = try reader.string()
        case ("time", .string): time = try reader.string()
        case ("id", .string): word = "eventbridge:\(try reader.string())"
        default: try reader.skip()
        }
      }
    } catch {
      return (bytes, nil)
    }
    if isPublish(detail) { return (detail, word) }
    var writer = JSONWriter(reservingBytes: detail.count + 128)
    writer.object { writer in
      writer.member("type", type)
      writer.member("timestamp", ifPresent: time)
      writer.member("data", raw: detail)
    }
    return (writer.bytes, word)
  }

  private static func isPublish(_ detail: [UInt8]) -> Bool {
    var reader = JSONReader(detail)
    do throws(JSONError) {
      guard try reader.peek() == .object else { return false }
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "events" || name == "type" { return true }
        try reader.skip()
      }
    } catch {
      return false
    }
    return false
  }
}
