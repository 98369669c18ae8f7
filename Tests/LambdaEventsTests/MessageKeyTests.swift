import LambdaEvents
import TestSupport
import Testing

@Suite("the keys of messages")
struct MessageKeyTests {
  private func keys(_ payload: String) throws -> [String?] {
    try SourceBatch(decoding: bytes(payload)).records.map(\.key)
  }

  private func fixture(_ name: String) throws -> String { text(try SourceFixture.named(name)) }

  @Test(
    "each message of a batch has a key of its own, the same however often it comes, with room for the place of an event",
    arguments: ["sqs", "sqs-fifo", "kinesis", "dynamodb-stream", "kafka-msk", "kafka-self-managed"])
  func own(name: String) throws {
    let keys = try keys(fixture(name)).compactMap { $0 }
    #expect(try Set(keys).count == SourceBatch(decoding: SourceFixture.named(name)).records.count)
    #expect(try keys == self.keys(fixture(name)))
    #expect(keys.allSatisfy { $0.utf8.count <= 200 })
  }

  @Test(
    "the same number from another queue, stream, table, cluster or topic, and at another time, is another message",
    arguments: [
      ("sqs", ":ticker\"", ":other\""), ("sqs", "us-east-2:123456789012:ticker", "us-east-1:123456789012:ticker"),
      ("sqs", "123456789012:ticker", "210987654321:ticker"), ("sns", "12:ticks", "12:others"),
      ("kinesis", "stream/ticks", "stream/others"), ("dynamodb-stream", "table/orders", "table/others"),
      ("dynamodb-stream", "stream/2026", "stream/2027"), ("kafka-msk", "cluster/vpc", "cluster/vpn"),
      ("kafka-msk", "1545084650987", "1545084650988"), ("kafka-msk", "ticks-", "others-"),
      ("kafka-self-managed", "demo", "other"), ("kafka-self-managed", "1545084650987", "1545084650988"),
      ("eventbridge", "my.app", "other.app"), ("eventbridge", "111122223333", "222233334444"),
      ("rabbitmq", "broker:demo", "broker:other"), ("rabbitmq", "ticks::/", "ticks::/prod"),
      ("rabbitmq", "12:33:41", "12:33:42"),
    ])
  func others(name: String, part: String, other: String) throws {
    let changed = try fixture(name).replacing(part, with: other)
    #expect(try changed != fixture(name))
    for (one, another) in zip(try keys(fixture(name)), try keys(changed)) { #expect(one == nil || one != another) }
  }

  @Test("bootstrap servers are the same cluster in whatever order they are listed")
  func servers() throws {
    let one =
      #"{"eventSource":"SelfManagedKafka","bootstrapServers":"a:1,b:2","records":{"t-0":[{"offset":1,"value":""}]}}"#
    #expect(try keys(one) == keys(one.replacing("a:1,b:2", with: "b:2,a:1")))
    #expect(try keys(one) != keys(one.replacing("a:1,b:2", with: "a:1")))
  }

  @Test("a notification is one message from its topic and from a queue behind it; an event too")
  func wrapped() throws {
    #expect(try keys(fixture("sns")) == keys(fixture("sns-in-sqs")))
    #expect(try keys(fixture("eventbridge")) != [nil])
    let queued = try keys(fixture("eventbridge-in-sqs"))
    #expect(try queued != keys(fixture("sqs")) && queued[0]?.hasPrefix("eventbridge/") == true)
  }

  @Test("parts with the separator in them make another key than the parts it would make")
  func separators() throws {
    func key(_ queue: String, _ id: String) throws -> String? {
      try keys(#"[{"eventSource":"aws:sqs","eventSourceARN":"\#(queue)","messageId":"\#(id)","body":"1"}]"#)[0]
    }
    #expect(try key("a/b", "c") != key("a", "b/c"))
    #expect(try key("a%2Fb", "c") != key("a/b", "c"))
    let long = String(repeating: "q", count: 500)
    #expect(try key(long, "1") != key(long, "2") && key(long, "1")?.utf8.count ?? 999 <= 200)
  }

  @Test("of RabbitMQ a message is known by its sender's id with its content; without an id by nothing")
  func rabbitMQ() throws {
    let all = try keys(fixture("rabbitmq"))
    #expect(all[0] != nil && all[1] == nil)
    #expect(try keys(fixture("rabbitmq").replacing(#""redelivered": false"#, with: #""redelivered": true"#)) == all)
    let other = "eyJ0eXBlIjogInByaWNlOnVwZGF0ZSIsICJrZXkiOiAiQUFQTCIsICJkYXRhIjogeyJwcmljZSI6IDl9fQ=="
    let first = "eyJ0eXBlIjogInByaWNlOnVwZGF0ZSIsICJrZXkiOiAiQUFQTCIsICJkYXRhIjogeyJwcmljZSI6IDF9fQ=="
    #expect(try keys(fixture("rabbitmq").replacing(first, with: other))[0] != all[0])
    #expect(try keys(fixture("rabbitmq").replacing(#""messageId": "m-1""#, with: #""messageId": """#)) == [nil, nil])
  }

  @Test("messages without a number have no key, and are not named in an answer")
  func unnamed() throws {
    for payload in [
      #"{"Records":[{"eventSource":"aws:sqs","body":"1"}]}"#, #"[{"eventSource":"aws:kinesis","data":"MQ=="}]"#,
      #"{"eventSource":"aws:kafka","records":{"t-0":[{"value":"MQ=="}]}}"#,
      #"{"eventSource":"aws:kafka","records":{"t-0":[{"offset":"x","value":"MQ=="}]}}"#,
    ] {
      let batch = try SourceBatch(decoding: bytes(payload))
      #expect(batch.records[0].key == nil && batch.answer(failed: [0]) == .fail)
    }
  }
}
