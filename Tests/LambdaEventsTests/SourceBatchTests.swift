import JSON
import LambdaEvents
import Messaging
import TestSupport
import Testing

@Suite("sources of events")
struct SourceBatchTests {
  private func batch(_ name: String) throws -> SourceBatch { try SourceBatch(decoding: SourceFixture.named(name)) }

  private func payloads(_ name: String) throws -> [String] {
    try batch(name).records.map { try text($0.payload.get()) }
  }

  @Test(
    "each source is recognised by its shape, with as many messages as it has",
    arguments: [
      ("sqs", EventSource.sqs(isOrdered: false), 3), ("sqs-fifo", .sqs(isOrdered: true), 4), ("sns", .sns, 1),
      ("sns-in-sqs", .sqs(isOrdered: false), 1), ("eventbridge", .eventBridge, 1), ("scheduler", .direct, 1),
      ("eventbridge-in-sqs", .sqs(isOrdered: false), 1), ("kinesis", .kinesis, 3),
      ("dynamodb-stream", .dynamoDBStreams, 3), ("kafka-msk", .kafka, 5), ("kafka-self-managed", .kafka, 5),
      ("rabbitmq", .rabbitMQ, 2), ("guardduty", .eventBridge, 1), ("pipes-sqs", .sqs(isOrdered: false), 3),
      ("pipes-sqs-fifo", .sqs(isOrdered: true), 4), ("pipes-kinesis", .kinesis, 3),
      ("pipes-dynamodb", .dynamoDBStreams, 3), ("pipes-msk", .kafka, 5), ("pipes-kafka", .kafka, 5),
      ("pipes-rabbitmq", .rabbitMQ, 2),
    ])
  func recognised(name: String, source: EventSource, count: Int) throws {
    let batch = try batch(name)
    #expect(batch.source == source)
    #expect(batch.records.count == count)
    #expect(batch.isPiped == name.hasPrefix("pipes-"))
  }

  @Test(
    "a pipe hands over the same messages, by the same names and keys",
    arguments: [
      ("sqs", "pipes-sqs"), ("sqs-fifo", "pipes-sqs-fifo"), ("kinesis", "pipes-kinesis"),
      ("dynamodb-stream", "pipes-dynamodb"), ("kafka-msk", "pipes-msk"), ("kafka-self-managed", "pipes-kafka"),
      ("rabbitmq", "pipes-rabbitmq"),
    ])
  func piped(name: String, pipe: String) throws {
    for (one, other) in zip(try batch(name).records, try batch(pipe).records) {
      #expect(one.payload == other.payload)
      #expect(one.key == other.key && one.name == other.name && one.origin == other.origin)
    }
  }

  @Test("what is published is the event inside, byte for byte, however it is wrapped")
  func unwrapped() throws {
    let one = #"{"type": "price:update", "key": "AAPL", "data": {"price": 1}}"#
    #expect(try payloads("sqs")[0] == #"{"type": "price:update", "key": "AAPL", "data": {"price": 1.5}}"#)
    for name in ["sns", "sns-in-sqs", "kinesis", "kafka-msk", "rabbitmq"] {
      #expect(try batch(name).records[0].payload == .success(bytes(one)))
    }
  }

  @Test("an event of EventBridge is one of its detail type, unless its detail is a publish of its own")
  func eventBridge() throws {
    let event = #"{"type":"OrderPlaced","timestamp":"2026-11-20T12:00:00Z","data":"#
    #expect(try payloads("eventbridge")[0].hasPrefix(event))
    #expect(try payloads("eventbridge-in-sqs")[0] == event + "{\"order\": 7}}")
    #expect(try payloads("eventbridge-publish")[0].contains("\"type\": \"price:update\""))
  }

  @Test(
    "a finding with a `type` of its own is an event of its detail type, its detail the data",
    arguments: [
      ("guardduty", "GuardDuty Finding", "UnauthorizedAccess:EC2/TorClient"),
      ("inspector", "Inspector2 Finding", "PACKAGE_VULNERABILITY"),
    ])
  func findings(name: String, type: String, own: String) throws {
    let payload = bytes(try payloads(name)[0])
    let event = try Event(published: payload, in: 0..<payload.count, id: "1-a", timestamp: "")
    #expect(event.type == type && text(event.data).contains(own))
  }

  @Test("a change of a table is an event; an item with an event in it publishes that when it is written")
  func changes() throws {
    let all = try payloads("dynamodb-stream")
    #expect(all[0] == #"{"type": "price:update", "key": "AAPL", "data": {"price": 1}}"#)
    #expect(
      all[1]
        == #"{"type":"table:modify","key":"orders/order/2","data":{"table":"orders","keys":{"pk":"order","sk":2},"new":{"pk":"order","sk":2,"price":152.50,"open":true,"note":null,"legs":["a",1],"meta":{"k":"v"},"tags":["x","y"],"sizes":[1,2.5],"raw":"AQI="},"old":{"pk":"order","sk":2,"price":150}}}"#
    )
    #expect(all[2].hasPrefix(#"{"type":"table:remove","key":"orders/order/3","data":{"table":"orders","keys":"#))
  }

  @Test("data that is not base64, an aggregate, a record without a value are refused alone, with why")
  func refused() throws {
    let codes = try batch("kinesis-bad").records.map { record in
      if case .failure(let refusal) = record.payload { refusal.code } else { "" }
    }
    #expect(codes == ["", "not_base64", "aggregated", ""])
    guard case .failure(let refusal) = try batch("kafka-msk").records[3].payload else {
      Issue.record("taken")
      return
    }
    #expect(refusal.code == "no_value")
  }

  @Test(
    "what bears the marks of a source that is not known is refused, and says what is known",
    arguments: [
      #"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#, #"{"eventSource":"aws:new","records":{"a":[]}}"#,
      #"{"Records":[{"eventVersion":"1"}]}"#, #"{"Records":"x"}"#, #"{"eventSource":"aws:foo"}"#,
      #"{"eventSource":"aws:kafka"}"#, #"{"eventSource":"aws:rmq","rmqMessagesByQueue":[]}"#,
      #"[{"eventSource":"aws:amq","data":""}]"#, #"[{"EventSource":"aws:sns","Sns":{}}]"#,
    ])
  func unknown(payload: String) {
    let error = #expect(throws: SourceRefusal.self) { try SourceBatch(decoding: bytes(payload)) }
    #expect(error?.code == "unknown_source")
    #expect(error?.message.contains("SQS, Kinesis") == true)
  }

  @Test(
    "records that are not as their source writes them are refused",
    arguments: [
      #"{"Records":[{"eventSource":"aws:sqs","body":"1"},7]}"#, #"{"Records":[7]}"#,
      #"{"eventSource":"aws:kafka","records":{"a":7}}"#, #"[{"eventSource":"aws:sqs","body":"1"},7]"#,
      #"[{"eventSource":"aws:sqs","body":"1"}"#, #"[{"eventSource":"aws:dynamodb","dynamodb":[]}]"#,
    ])
  func malformed(payload: String) {
    #expect(throws: SourceRefusal.self) { try SourceBatch(decoding: bytes(payload)) }
  }

  @Test(
    "anything else is somebody's own publish, also what is no JSON",
    arguments: [
      "", "7", "{}", #"{"data":1}"#, #"{"events":[]}"#, "[]", "[7]", #"[{"type":"signal","data":1}]"#, "\"text\"",
    ])
  func direct(payload: String) throws {
    #expect(try SourceBatch(decoding: bytes(payload)).source == .direct)
  }

  @Test("a record of a megabyte is handed on whole; what is too large is for the events to say")
  func large() throws {
    let event = "{\"type\":\"signal\",\"data\":\"\(String(repeating: "x", count: 1 << 20))\"}"
    let record = """
      {"eventSource":"aws:kinesis","eventID":"shard:1","kinesis":{"sequenceNumber":"1","data":"\(Base64.encode(bytes(event)))"}}
      """
    let batch = try SourceBatch(decoding: bytes("{\"Records\":[\(record)]}"))
    #expect(batch.records[0].payload == .success(bytes(event)))
  }

  @Test("broken base64 is refused alone, whoever sent it")
  func brokenBase64() throws {
    for name in ["kafka-msk", "rabbitmq"] {
      let broken = text(try SourceFixture.named(name)).replacing("eyJ0eXBlIjog", with: "%%%%", maxReplacements: 1)
      let records = try SourceBatch(decoding: bytes(broken)).records
      guard case .failure(let refusal) = records[0].payload else {
        Issue.record("\(name) taken")
        return
      }
      #expect(refusal.code == "not_base64")
      #expect((try? records[1].payload.get()) != nil)
    }
  }

  @Test("an event inside an event of EventBridge inside a notification inside a message is found")
  func nested() throws {
    let event = #"{"type":"signal","data":{"text":"a \"quoted\" é"}}"#
    var bridge = JSONWriter()
    bridge.object { writer in
      for name in ["id", "source", "detail-type"] { writer.member(name, "x") }
      writer.member("detail", raw: bytes(event))
    }
    var notification = JSONWriter()
    notification.object { writer in
      for (name, value) in [
        ("Type", "Notification"), ("TopicArn", "t"), ("MessageId", "n"), ("Message", text(bridge.bytes)),
      ] {
        writer.member(name, value)
      }
    }
    var message = JSONWriter()
    message.object { writer in
      for (name, value) in [("eventSource", "aws:sqs"), ("messageId", "m"), ("body", text(notification.bytes))] {
        writer.member(name, value)
      }
    }
    let record = try SourceBatch(decoding: bytes("[\(text(message.bytes))]")).records[0]
    #expect(try text(record.payload.get()) == event)
    #expect(record.key?.hasPrefix("eventbridge/") == true && record.name == "m")
  }

  @Test("a batch without records is none")
  func empty() throws {
    let batch = try SourceBatch(decoding: bytes(#"{"Records":[]}"#))
    #expect(batch.records == [])
    #expect(batch.answer(failed: []) == .answer(bytes(#"{"batchItemFailures":[]}"#)))
  }
}
