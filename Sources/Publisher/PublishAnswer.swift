import Delivery
import JSON

/// What came of a publish.
struct PublishAnswer: Equatable {
  var accepted = 0
  var rejected = 0
  var tally = Tally()
  /// Whether every listener was read; else `unsent` counts only some of those who lack something.
  var isComplete = true
  var errors: [PublishError] = []
  /// The places of events that the log did not take for a reason that may pass.
  var notAppended: Set<Int> = []
  /// The ids of events whose listeners could not be read.
  var notSent: Set<String> = []

  /// Whether something failed for a reason that may pass.
  var hasFailures: Bool { !notAppended.isEmpty || !notSent.isEmpty }

  mutating func add(_ part: Tally) {
    tally.deliveries += part.deliveries
    tally.gone += part.gone
    tally.retried += part.retried
    tally.failed += part.failed
    tally.unsent += part.unsent
    if !part.isEveryPageRead { isComplete = false }
  }

  mutating func reject(_ error: PublishError) {
    rejected += 1
    errors.append(error)
  }

  func encoded() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("accepted", accepted)
      writer.member("rejected", rejected)
      writer.member("deliveries", tally.deliveries)
      writer.member("gone", tally.gone)
      writer.member("retried", tally.retried)
      writer.member("failed", tally.failed)
      writer.member("unsent", tally.unsent)
      if !isComplete { writer.member("complete", false) }
      if !errors.isEmpty { append(errors, to: &writer) }
    }
    return writer.bytes
  }

  private func append(_ errors: [PublishError], to writer: inout JSONWriter) {
    writer.key("errors")
    writer.array { writer in
      for error in errors {
        writer.object { writer in
          if let index = error.index { writer.member("index", index) }
          writer.member("code", error.code)
          writer.member("message", error.message)
        }
      }
    }
  }
}
