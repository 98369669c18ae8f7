import JSON

/// A message of an SQS queue, as a function behind the queue gets it.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
public struct QueueMessage: Equatable, Sendable {
  /// SQS's own name of the message (`messageId`), the same each time it comes.
  public let id: String
  /// What its sender wrote, as it stands.
  public let body: [UInt8]
  /// The ARN of its queue.
  public let queue: String
  /// How often the message was handed over, this time included; 0: the event does not say.
  public let receiveCount: Int
  /// Of a FIFO queue: the group within which messages keep their order.
  public let group: String?

  /// For tests of a handler; `QueueHandler` makes them of what comes.
  public init(id: String, body: [UInt8], queue: String = "", receiveCount: Int = 1, group: String? = nil) {
    self.id = id
    self.body = body
    self.queue = queue
    self.receiveCount = receiveCount
    self.group = group
  }

  /// For an event that is published of the message: a message that comes again is published once. A handler that
  /// publishes several events of one message makes it another key for each, as `"\(message.idempotencyKey)#2"`.
  public var idempotencyKey: String {
    KeyText.joined(["queue", queue, id], maximumBytes: 200)
  }

  /// Nil for a record without a name or a body: it could be neither handled nor given back.
  init?(from reader: inout JSONReader) throws(JSONError) {
    var (source, id, queue) = ("", "", "")
    var body: String?
    var attributes = Attributes()
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "eventSource": source = try reader.text() ?? ""
      case "messageId": id = try reader.text() ?? ""
      case "eventSourceARN": queue = try reader.text() ?? ""
      case "body": body = try reader.text()
      case "attributes": attributes = try Attributes(from: &reader)
      default: try reader.skip()
      }
    }
    guard source == "aws:sqs", !id.isEmpty, let body else { return nil }
    self.init(
      id: id, body: Array(body.utf8), queue: queue, receiveCount: attributes.receiveCount, group: attributes.group)
  }

  /// What SQS itself says of a message; all of it is text, numbers too.
  private struct Attributes {
    var receiveCount = 0
    var group: String?

    init() {}

    init(from reader: inout JSONReader) throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "ApproximateReceiveCount": receiveCount = try reader.digits().flatMap { Int($0) } ?? 0
        case "MessageGroupId": group = try reader.text()
        default: try reader.skip()
        }
      }
    }
  }
}
