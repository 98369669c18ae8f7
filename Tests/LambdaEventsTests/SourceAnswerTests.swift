import LambdaEvents
import TestSupport
import Testing

@Suite("partial failures")
struct SourceAnswerTests {
  private func answer(_ name: String, _ failed: Set<Int>) throws -> String? {
    switch try SourceBatch(decoding: SourceFixture.named(name)).answer(failed: failed) {
    case .answer(let bytes): text(bytes)
    case .fail: nil
    }
  }

  private func sqs(_ numbers: Int...) -> String {
    let items = numbers.map { "{\"itemIdentifier\":\"059f36b4-87a3-44ab-83d2-66197504000\($0)\"}" }
    return "{\"batchItemFailures\":[\(items.joined(separator: ","))]}"
  }

  @Test("a queue gets back the messages that failed, an ordered one the first and all after it")
  func queues() throws {
    #expect(try answer("sqs", []) == sqs())
    #expect(try answer("sqs", [2, 0]) == sqs(1, 3))
    #expect(try answer("sqs-fifo", []) == sqs())
    #expect(try answer("sqs-fifo", [1, 3]) == sqs(2, 3, 4))
  }

  @Test("a stream goes on from the lowest that failed")
  func streams() throws {
    #expect(
      try answer("kinesis", [2, 1])
        == #"{"batchItemFailures":[{"itemIdentifier":"49590338271490256608559692538361571095921575989136580002"}]}"#)
    #expect(try answer("dynamodb-stream", [1, 2]) == #"{"batchItemFailures":[{"itemIdentifier":"1002"}]}"#)
    #expect(try answer("kinesis", []) == #"{"batchItemFailures":[]}"#)
  }

  @Test("of Kafka each partition goes on from its lowest, named as an object")
  func kafka() throws {
    #expect(
      try answer("kafka-msk", [1, 2, 4])
        == #"{"batchItemFailures":[{"itemIdentifier":{"partition":"ticks-0","offset":16}},{"itemIdentifier":{"partition":"ticks-1","offset":7}}]}"#
    )
  }

  @Test("a pipe gives back what is named: messages by their ids, records of a stream by those of their events")
  func pipes() throws {
    #expect(try answer("pipes-sqs", [2, 0]) == sqs(1, 3))
    #expect(try answer("pipes-sqs-fifo", [1, 3]) == sqs(2, 3, 4))
    let shard = "shardId-000000000006:4959033827149025660855969253836157109592157598913658000"
    #expect(
      try answer("pipes-kinesis", [2, 1])
        == "{\"batchItemFailures\":[{\"itemIdentifier\":\"\(shard)2\"},{\"itemIdentifier\":\"\(shard)3\"}]}")
    #expect(
      try answer("pipes-dynamodb", [1])
        == #"{"batchItemFailures":[{"itemIdentifier":"c4ca4238a0b923820dcc509a6f758492"}]}"#)
  }

  @Test(
    "a batch of which nothing was done fails, whatever its source: a mapping without partial failures keeps it too",
    arguments: ["sqs", "sqs-fifo", "kinesis", "dynamodb-stream", "kafka-msk", "pipes-sqs", "pipes-kinesis"])
  func nothing(name: String) throws {
    let batch = try SourceBatch(decoding: SourceFixture.named(name))
    #expect(batch.answer(failed: Set(batch.records.indices)) == .fail)
    #expect(batch.comingAgain(failed: Set(batch.records.indices)) == Set(batch.records.indices))
  }

  @Test("messages that cannot be named come again with all others")
  func unnamed() throws {
    let record = #"{"eventSource":"aws:sqs","body":"1"}"#
    let named = #"{"eventSource":"aws:sqs","messageId":"m","body":"1"}"#
    let batch = try SourceBatch(decoding: bytes("{\"Records\":[\(record),\(named)]}"))
    #expect(batch.answer(failed: [0]) == .fail && batch.comingAgain(failed: [0]) == [0, 1])
    #expect(batch.answer(failed: [1]) == .answer(bytes(#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#)))
  }

  @Test(
    "a source without partial failures has the whole invocation fail",
    arguments: ["sns", "eventbridge", "rabbitmq", "pipes-msk", "pipes-kafka", "pipes-rabbitmq"])
  func whole(name: String) throws {
    #expect(try answer(name, [0]) == nil)
    #expect(try answer(name, []) == "{}")
  }

  @Test("any mix of failures names what comes again, never more than it must", arguments: [UInt64(1), 2, 3])
  func mixes(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    for name in ["sqs", "sqs-fifo", "kinesis", "dynamodb-stream", "pipes-sqs", "pipes-sqs-fifo", "pipes-kinesis"] {
      let batch = try SourceBatch(decoding: SourceFixture.named(name))
      for _ in 0..<50 {
        let failed = Set(batch.records.indices.filter { _ in Bool.random(using: &generator) })
        let fromFirst = failed.min().map { Set($0..<batch.records.count) } ?? []
        let (again, named): (Set<Int>, [Int]) =
          switch (batch.source, batch.isPiped) {
          case (.sqs(isOrdered: true), _): (fromFirst, fromFirst.sorted())
          case (.sqs, _), (.kinesis, true): (failed, failed.sorted())
          default: (fromFirst, failed.min().map { [$0] } ?? [])
          }
        let items = named.map { "{\"itemIdentifier\":\"\(batch.records[$0].identifier)\"}" }
        let wanted = "{\"batchItemFailures\":[\(items.joined(separator: ","))]}"
        let isAll = again.count == batch.records.count
        #expect(batch.comingAgain(failed: failed) == again, "\(name), seed \(seed)")
        #expect(batch.answer(failed: failed) == (isAll ? .fail : .answer(bytes(wanted))), "\(name), seed \(seed)")
      }
    }
  }
}
