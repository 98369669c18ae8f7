import JSON

/// The messages of one invocation by an SQS queue, and what the queue is told of them.
package struct QueueBatch: Equatable, Sendable {
  /// In the queue's order.
  package let messages: [QueueMessage]

  /// Of a FIFO queue nothing is handled after the first failure: it would overtake what comes again.
  package var isOrdered: Bool { messages.first?.queue.hasSuffix(".fifo") == true }

  /// Throws for what no SQS queue sends.
  package init(decoding bytes: [UInt8]) throws(SourceRefusal) {
    var found: [QueueMessage]?
    do throws(JSONError) {
      var reader = JSONReader(bytes)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "Records" { found = try Self.messages(from: &reader) } else { try reader.skip() }
      }
      try reader.end()
    } catch {
      throw Self.refusal("\(error)")
    }
    guard let found else { throw Self.refusal("it needs 'Records', each with eventSource aws:sqs, messageId and body") }
    messages = found
  }

  /// Which messages come again. Where none was handled the invocation has to fail: a mapping without
  /// `ReportBatchItemFailures` understands that too.
  ///
  /// - Parameter failed: indices of messages.
  package func answer(failed: Set<Int>) -> SourceBatch.Answer {
    let records = messages.map { message in
      var record = SourceRecord(payload: .success([]))
      record.identifier = message.id
      return record
    }
    return SourceBatch(source: .sqs(isOrdered: isOrdered), records: records).answer(failed: failed)
  }

  /// Nil: one of them is no message of SQS.
  private static func messages(from reader: inout JSONReader) throws(JSONError) -> [QueueMessage]? {
    var messages: [QueueMessage] = []
    var areAllMessages = true
    try reader.beginArray()
    while try reader.nextElement() {
      if let message = try QueueMessage(from: &reader) { messages.append(message) } else { areAllMessages = false }
    }
    return areAllMessages ? messages : nil
  }

  private static func refusal(_ reason: String) -> SourceRefusal {
    SourceRefusal(code: "wrong_shape", message: "this is no batch of an SQS queue: \(reason)")
  }
}
