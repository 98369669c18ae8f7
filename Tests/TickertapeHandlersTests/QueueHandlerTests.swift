import LambdaEvents
import LambdaRuntime
import TestSupport
import Testing
import TickertapeHandlers

@Suite("handlers of a queue")
struct QueueHandlerTests {
  private struct Unreadable: Error {}

  /// Fails at every message that says so.
  private struct Recorder: QueueHandler {
    var seen: [QueueMessage] = []

    mutating func message(_ message: QueueMessage, context: InvocationContext) throws {
      seen.append(message)
      if text(message.body).hasPrefix("fail") { throw Unreadable() }
    }
  }

  private var invocation: InvocationContext { InvocationContext(requestID: "r", deadlineMilliseconds: .max) }

  private func record(_ id: String, body: String, queue: String = "parcels", more: String = "") -> String {
    #"{"messageId":"\#(id)","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:\#(queue)","#
      + #""receiptHandle":"h","body":"\#(body)"\#(more)}"#
  }

  private func batch(_ bodies: [String], queue: String = "parcels") -> [UInt8] {
    let records = bodies.enumerated().map { record("m-\($0.offset)", body: $0.element, queue: queue) }
    return bytes(#"{"Records":[\#(records.joined(separator: ","))]}"#)
  }

  private func failures(_ ids: [String]) -> String {
    #"{"batchItemFailures":[\#(ids.map { #"{"itemIdentifier":"\#($0)"}"# }.joined(separator: ","))]}"#
  }

  @Test("each message is handled with what SQS says of it")
  func messages() throws {
    var handler = Recorder()
    let more =
      #","attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1545082649183","MessageGroupId":"g"}"#
    let event = bytes(
      #"{"Records":[\#(record("m-1", body: "ä \\\"1\\\"", queue: "q.fifo", more: more)),\#(record("m-2", body: ""))]}"#)
    #expect(text(try handler.handle(event, context: invocation)) == failures([]))
    #expect(
      handler.seen == [
        QueueMessage(
          id: "m-1", body: bytes(#"ä "1""#), queue: "arn:aws:sqs:eu-west-1:1:q.fifo", receiveCount: 3, group: "g"),
        QueueMessage(id: "m-2", body: [], queue: "arn:aws:sqs:eu-west-1:1:parcels", receiveCount: 0),
      ])
  }

  @Test("what fails of a standard queue comes again, and the others are handled, once")
  func partial() throws {
    var handler = Recorder()
    let event = batch(["a", "fail", "b", "fail too", "c"])
    #expect(text(try handler.handle(event, context: invocation)) == failures(["m-1", "m-3"]))
    #expect(handler.seen.map { text($0.body) } == ["a", "fail", "b", "fail too", "c"])
  }

  @Test("of a FIFO queue nothing is handled after a failure, and all of that comes again")
  func ordered() throws {
    var handler = Recorder()
    let event = batch(["a", "fail", "b", "fail too", "c"], queue: "parcels.fifo")
    #expect(text(try handler.handle(event, context: invocation)) == failures(["m-1", "m-2", "m-3", "m-4"]))
    #expect(handler.seen.map { text($0.body) } == ["a", "fail"])
  }

  @Test(
    "where nothing was handled the invocation fails with the first reason, for a mapping that reads no answer",
    arguments: [["fail"], ["fail", "fail too"]], ["parcels", "parcels.fifo"])
  func nothing(bodies: [String], queue: String) {
    var handler = Recorder()
    #expect(throws: Unreadable.self) { try handler.handle(batch(bodies, queue: queue), context: invocation) }
  }

  @Test("a queue without messages is answered")
  func empty() throws {
    var handler = Recorder()
    #expect(text(try handler.handle(bytes(#"{"Records":[]}"#), context: invocation)) == failures([]))
    #expect(handler.seen.isEmpty)
  }

  @Test(
    "what no queue of SQS sends fails before anything is handled",
    arguments: [
      "", "[]", "{}", #"{"Records":{}}"#, #"{"Records":[1]}"#, #"{"Records":[{"messageId":"m"}]}"#,
      #"{"Records":[{"messageId":"m","eventSource":"aws:kinesis","body":"x"}]}"#,
      #"{"Records":[{"messageId":"","eventSource":"aws:sqs","body":"x"}]}"#,
      #"{"Records":[{"messageId":"m","eventSource":"aws:sqs","body":"x"},{"messageId":"n","eventSource":"aws:sqs"}]}"#,
      #"{"Records":[{"messageId":"m","eventSource":"aws:sqs","body":"x"}]"#, #"{"type":"a","data":1}"#,
    ])
  func foreign(event: String) {
    var handler = Recorder()
    let error = #expect(throws: (any Error).self) { try handler.handle(bytes(event), context: invocation) }
    #expect(error.map { "\($0)".contains("no batch of an SQS queue") } == true)
    #expect(handler.seen.isEmpty)
  }

  @Test("the key of a message is the same each time it comes, and another one for every other message and queue")
  func keys() {
    let message = QueueMessage(id: "m-1", body: bytes("a"), queue: "q/1")
    #expect(message.idempotencyKey == QueueMessage(id: "m-1", body: [], queue: "q/1", receiveCount: 2).idempotencyKey)
    let others = [("m-2", "q/1"), ("m-1", "q/2"), ("1/m-1", "q"), (String(repeating: "m", count: 500), "q/1")]
    let keys = others.map { QueueMessage(id: $0.0, body: bytes("a"), queue: $0.1).idempotencyKey }
    #expect(Set(keys + [message.idempotencyKey]).count == 5)
    #expect(keys.allSatisfy { $0.utf8.count <= 200 })
  }

  @Test("an event that the Publisher refuses can fail its message")
  func rejection() throws {
    let function = ScriptedPublisher(
      answer: #"{"accepted":0,"rejected":1,"errors":[{"index":0,"code":"too_large","message":"an event has 96 KB"}]}"#)
    let outcome = try function.publisher().sendToUser("u-1", type: "a", data: "1")
    let rejection = try #require(outcome.rejected.first as (any Error)?)
    #expect("\(rejection)" == "too_large: an event has 96 KB")
  }
}
