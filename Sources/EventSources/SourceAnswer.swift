import JSON

extension SourceBatch {
  /// What is to be told of messages that failed for a reason that may pass, so that they come again.
  package enum Answer: Equatable, Sendable {
    /// The answer in the source's own form.
    case answer([UInt8])
    /// The source has no form for it: the invocation has to fail, and everything comes again.
    case fail
  }

  /// - Parameter failed: places of records.
  package func answer(failed: Set<Int>) -> Answer {
    switch source {
    case .direct: return .answer([])
    case .eventBridge, .sns, .rabbitMQ: return failed.isEmpty ? .answer(Array("{}".utf8)) : .fail
    case .sqs(isOrdered: false): return identifiers(failed.sorted())
    // The first that failed and everything after it, lest what comes later overtake it.
    case .sqs(isOrdered: true): return identifiers(failed.min().map { Array($0..<records.count) } ?? [])
    // Lambda goes on from the lowest; naming more changes nothing.
    case .kinesis, .dynamoDBStreams: return identifiers(failed.min().map { [$0] } ?? [])
    case .kafka: return kafka(failed)
    }
  }

  /// A record that bears no name can only come again with all others.
  private func identifiers(_ places: [Int]) -> Answer {
    guard places.allSatisfy({ !records[$0].identifier.isEmpty }) else { return .fail }
    return failures { writer in
      for place in places {
        writer.object { $0.member("itemIdentifier", records[place].identifier) }
      }
    }
  }

  /// Of each partition the lowest offset that failed; offsets go on from there.
  private func kafka(_ failed: Set<Int>) -> Answer {
    var named: Set<String> = []
    let places = failed.sorted().filter { named.insert(records[$0].partition).inserted }
    return failures { writer in
      for place in places {
        writer.object { writer in
          writer.key("itemIdentifier")
          writer.object { writer in
            writer.member("partition", records[place].partition)
            writer.member("offset", raw: records[place].identifier.utf8)
          }
        }
      }
    }
  }

  private func failures(_ elements: (inout JSONWriter) -> Void) -> Answer {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("batchItemFailures")
      writer.array(elements)
    }
    return .answer(writer.bytes)
  }
}
