import JSON

/// `Records`, the list that SQS, SNS, Kinesis and DynamoDB Streams share.
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
      if name == "eventSource" || name == "EventSource" { source = try reader.string() } else { try reader.skip() }
    }
    return source
  }

  static func each(
    of records: [UInt8], _ take: (inout JSONReader) throws(JSONError) -> SourceRecord
  ) throws(JSONError) -> [SourceRecord] {
    var all: [SourceRecord] = []
    var reader = JSONReader(records)
    try reader.beginArray()
    while try reader.nextElement() { all.append(try take(&reader)) }
    return all
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
enum SQSShape {
  static func record(_ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var identifier = ""
    var body: [UInt8] = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "messageId": identifier = try reader.string()
      case "body": body = Array(try reader.string().utf8)
      default: try reader.skip()
      }
    }
    let (payload, word) = Wrapping.payload(of: body)
    return SourceRecord(
      identifier: identifier, word: word ?? SourceRecord.word("sqs", identifier), payload: .success(payload))
  }

  /// Whether the queue keeps an order: its name ends with `.fifo`.
  static func isOrdered(_ records: [UInt8]) throws(JSONError) -> Bool {
    var reader = JSONReader(records)
    try reader.beginArray()
    guard try reader.nextElement() else { return false }
    var arn = ""
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if name == "eventSourceARN" { arn = try reader.string() } else { try reader.skip() }
    }
    return arn.hasSuffix(".fifo")
  }
}

/// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
enum SNSShape {
  static func record(_ reader: inout JSONReader) throws(JSONError) -> SourceRecord {
    var notification: (message: [UInt8], identifier: String)?
    try reader.beginObject()
    while let name = try reader.nextKey() {
      if name == "Sns" { notification = try self.notification(&reader) } else { try reader.skip() }
    }
    guard let notification else {
      return SourceRecord(
        payload: .failure(SourceRefusal(code: "wrong_shape", message: "a record of SNS holds no 'Sns'")))
    }
    let (payload, word) = Wrapping.payload(of: notification.message)
    return SourceRecord(
      identifier: notification.identifier, word: word ?? SourceRecord.word("sns", notification.identifier),
      payload: .success(payload))
  }

  /// The notification, as it stands in a record and in the body of a queue's message.
  static func notification(
    _ reader: inout JSONReader
  ) throws(JSONError) -> (message: [UInt8], identifier: String)? {
    var message: [UInt8]?
    var identifier = ""
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "Message": message = Array(try reader.string().utf8)
      case "MessageId": identifier = try reader.string()
      default: try reader.skip()
      }
    }
    return message.map { ($0, identifier) }
  }
}

/// What may stand around an event inside a message: a notification of SNS, an event of EventBridge.
enum Wrapping {
  /// What is published, and the word of what it was wrapped in.
  static func payload(of bytes: [UInt8]) -> (payload: [UInt8], word: String?) {
    if let notification = notification(bytes) {
      let (payload, word) = payload(of: notification.message)
      return (payload, word ?? SourceRecord.word("sns", notification.identifier))
    }
    return EventBridgeShape.isEvent(bytes) ? EventBridgeShape.payload(of: bytes) : (bytes, nil)
  }

  private static func notification(_ bytes: [UInt8]) -> (message: [UInt8], identifier: String)? {
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
      return try SNSShape.notification(&reader)
    } catch {
      return nil
    }
  }
}
