import EventSources
import TestSupport
import Testing

@Suite("partial failures")
struct SourceAnswerTests {
  private func answer(_ name: String, _ failed: Set<Int>) throws -> String? {
    switch try SourceBatch(decoding: Fixture.source(name)).answer(failed: failed) {
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
    #expect(try answer("dynamodb-stream", [0, 2]) == #"{"batchItemFailures":[{"itemIdentifier":"1001"}]}"#)
    #expect(try answer("kinesis", []) == #"{"batchItemFailures":[]}"#)
  }

  @Test("of Kafka each partition goes on from its lowest, named as an object")
  func kafka() throws {
    #expect(
      try answer("kafka-msk", [1, 2, 4])
        == #"{"batchItemFailures":[{"itemIdentifier":{"partition":"ticks-0","offset":16}},{"itemIdentifier":{"partition":"ticks-1","offset":7}}]}"#
    )
  }

  @Test(
    "a source without partial failures has the whole invocation fail", arguments: ["sns", "eventbridge", "rabbitmq"])
  func whole(name: String) throws {
    #expect(try answer(name, [0]) == nil)
    #expect(try answer(name, []) == "{}")
  }

  @Test("any mix of failures names what comes again, never more than it must", arguments: [UInt64(1), 2, 3])
  func mixes(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    for name in ["sqs", "sqs-fifo", "kinesis", "dynamodb-stream"] {
      let batch = try SourceBatch(decoding: Fixture.source(name))
      for _ in 0..<50 {
        let failed = Set(batch.records.indices.filter { _ in Bool.random(using: &generator) })
        let expected: [Int] =
          switch batch.source {
          case .sqs(isOrdered: false): failed.sorted()
          case .sqs(isOrdered: true): failed.min().map { Array($0..<batch.records.count) } ?? []
          default: failed.min().map { [$0] } ?? []
          }
        let items = expected.map { "{\"itemIdentifier\":\"\(batch.records[$0].identifier)\"}" }
        let wanted = "{\"batchItemFailures\":[\(items.joined(separator: ","))]}"
        #expect(batch.answer(failed: failed) == .answer(bytes(wanted)), "\(name), seed \(seed)")
      }
    }
  }
}
