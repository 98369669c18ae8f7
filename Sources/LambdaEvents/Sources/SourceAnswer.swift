import JSON

extension SourceBatch {
  /// What is to be told of messages that failed for a reason that may pass, so that they come again.
  package enum Answer: Equatable, Sendable {
    /// The answer in the source's own form.
    case answer([UInt8])
    /// The invocation has to fail, and everything comes again: the source has no form for less, or nothing was done. A
    /// mapping that does not report partial failures understands this too.
    case fail
  }

  /// - Parameter failed: places of records.
  package func answer(failed: Set<Int>) -> Answer {
    if source == .direct { return .answer([]) }
    let again = comingAgain(failed: failed)
    if !again.isEmpty, again.count == records.count { return .fail }
    guard reportsParts else { return .answer(Array("{}".utf8)) }
    return .answer(failures(of: named(failed: failed)))
  }

  /// The places of the records that the source gives back after `answer(failed:)`.
  package func comingAgain(failed: Set<Int>) -> Set<Int> {
    guard let first = failed.min(), source != .direct else { return [] }
    guard reportsParts, named(failed: failed).allSatisfy({ !records[$0].identifier.isEmpty }) else {
      return Set(records.indices)
    }
    switch source {
    case .sqs(isOrdered: true): return Set(first..<records.count)
    case .kinesis, .dynamoDBStreams: return isPiped ? failed : Set(first..<records.count)
    case .kafka:
      let lowest = named(failed: failed)
      return Set(
        records.indices.filter { index in
          lowest.contains { $0 <= index && records[$0].partition == records[index].partition }
        })
    default: return failed
    }
  }

  /// Pipes knows partial failures of these three only:
  /// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
  private var reportsParts: Bool {
    switch source {
    case .sqs, .kinesis, .dynamoDBStreams: true
    case .kafka: !isPiped
    case .direct, .eventBridge, .sns, .rabbitMQ: false
    }
  }

  /// The places that the answer names.
  private func named(failed: Set<Int>) -> [Int] {
    let positions = failed.sorted()
    switch source {
    // The first that failed and everything after it, lest what comes later overtake it.
    case .sqs(isOrdered: true): return positions.first.map { Array($0..<records.count) } ?? []
    // Lambda goes on from the lowest; naming more changes nothing. Pipes gives back what is named.
    case .kinesis, .dynamoDBStreams: return isPiped ? positions : Array(positions.prefix(1))
    // Of each partition the lowest offset that failed; offsets go on from there.
    case .kafka:
      var partitions: Set<String> = []
      return positions.filter { partitions.insert(records[$0].partition).inserted }
    default: return positions
    }
  }

  private func failures(of positions: [Int]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("batchItemFailures")
      writer.array { writer in
        for index in positions { writer.object { append(record: records[index], to: &$0) } }
      }
    }
    return writer.bytes
  }

  private func append(record: SourceRecord, to writer: inout JSONWriter) {
    guard source == .kafka else { return writer.member("itemIdentifier", record.identifier) }
    writer.key("itemIdentifier")
    writer.object { writer in
      writer.member("partition", record.partition)
      writer.member("offset", raw: record.identifier.utf8)
    }
  }
}
