import JSON

/// `Records`, the list that SQS, SNS, Kinesis and DynamoDB Streams share; and the bare list that Pipes hands over.
enum RecordsShape {
  /// The source that the first record names; nil: there is no record.
  static func sourceName(of records: [UInt8]) throws(JSONError) -> String? {
    var reader = JSONReader(records)
    try reader.beginArray()
    guard try reader.nextElement() else { return nil }
    var source = ""
    try reader.beginObject()
    while let name = try reader.nextKey() {
      // SNS spells it with a capital.
      if name == "eventSource" || name == "EventSource" {
        source = try reader.text() ?? ""
      } else {
        try reader.skip()
      }
    }
    return source
  }

  /// The source of a list from EventBridge Pipes; nil for what is none.
  static func pipedSourceName(of payload: [UInt8]) -> String? {
    var reader = JSONReader(payload)
    guard (try? reader.peek()) == .array, let name = try? sourceName(of: payload), !name.isEmpty else { return nil }
    return name
  }

  static func each(
    of records: [UInt8], _ read: (inout JSONReader) throws(JSONError) -> SourceRecord
  ) throws(JSONError) -> [SourceRecord] {
    var all: [SourceRecord] = []
    var reader = JSONReader(records)
    try reader.beginArray()
    while try reader.nextElement() { all.append(try read(&reader)) }
    try reader.end()
    return all
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
enum SQSShape {
  static func record(from reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var identifier = ""
    var origin = ""
    var body: String?
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "messageId": identifier = try reader.text() ?? ""
      case "eventSourceARN": origin = try reader.text() ?? ""
      case "body": body = try reader.text()
      default: try reader.skip()
      }
    }
    let unwrapped = body.map { Wrapping.payload(of: Array($0.utf8)) }
    var record = SourceRecord(payload: unwrapped.map { .success($0.payload) } ?? .failure(.noValue))
    record.identifier = identifier
    record.name = identifier
    record.origin = origin
    record.key = unwrapped?.key ?? MessageKey.text("sqs", origin: [origin], identity: identifier)
    return record
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
enum SNSShape {
  struct Notification {
    var topic = ""
    var identifier = ""
    var message: [UInt8]?

    /// The same from the topic and from a queue behind it.
    var key: String? { MessageKey.text("sns", origin: [topic], identity: identifier) }
  }

  static func record(from reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var notification = Notification()
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if name == "Sns" { notification = try self.notification(from: &reader) } else { try reader.skip() }
    }
    var record = record(of: notification)
    record.identifier = notification.identifier
    record.name = notification.identifier
    record.origin = notification.topic
    return record
  }

  private static func record(of notification: Notification) -> SourceRecord {
    guard let message = notification.message else {
      return SourceRecord(payload: .failure(.noValue))
    }
    let (payload, key) = Wrapping.payload(of: message)
    var record = SourceRecord(payload: .success(payload))
    record.key = key ?? notification.key
    return record
  }

  /// The notification, as it stands in a record and in the body of a queue's message.
  static func notification(from reader: inout JSONReader) throws(JSONError) -> Notification {
    var notification = Notification()
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "Message": notification.message = try reader.text().map { Array($0.utf8) }
      case "MessageId": notification.identifier = try reader.text() ?? ""
      case "TopicArn": notification.topic = try reader.text() ?? ""
      default: try reader.skip()
      }
    }
    return notification
  }
}

/// What may stand around an event inside a message: a notification of SNS, an event of EventBridge.
enum Wrapping {
  /// What is published, and the key of what it was wrapped in.
  static func payload(of bytes: [UInt8]) -> (payload: [UInt8], key: String?) {
    if let notification = notification(bytes), let message = notification.message {
      let (payload, key) = payload(of: message)
      return (payload, key ?? notification.key)
    }
    return EventBridgeShape.isEvent(bytes) ? EventBridgeShape.payload(of: bytes) : (bytes, nil)
  }

  private static func notification(_ bytes: [UInt8]) -> SNSShape.Notification? {
    var isNotification = false
    var hasTopic = false
    do throws(JSONError) {
      var marks = JSONReader(bytes)
      try marks.beginObject()
      while let name = try marks.nextKey() {
        switch (name, try marks.peek()) {
        case ("Type", .string): isNotification = try marks.string() == "Notification"
        case ("TopicArn", .string):
          hasTopic = true
          try marks.skip()
        default: try marks.skip()
        }
      }
      guard isNotification, hasTopic else { return nil }
      var reader = JSONReader(bytes)
      return try SNSShape.notification(from: &reader)
    } catch {
      return nil
    }
  }
}
