import ConnectionStore
import Delivery
import JSON
import Telemetry

/// What came of a publish.
struct PublishAnswer {
  var accepted = 0
  var rejected = 0
  var tally = DeliveryCounts()
  /// Events that were accepted and will be sent by another invocation, or by this one when it is told to go on.
  var queued = 0
  /// Events for which others of their key stood.
  var folded = 0
  /// Connections that lack something and get it in a later round.
  var behind = 0
  /// For the metrics.
  var sent = SendMetrics()
  var errors: [PublishError] = []
  /// The places of events that the log did not take: no fault of theirs, so they may come again.
  var notAppended: Set<Int> = []
  /// The places of events that were accepted although the key made for their message belongs to another content.
  var despiteKey: [Int] = []
  /// Why the log did not take the last of them.
  var failure: TableError?

  /// Whether something failed that is no fault of the events.
  var hasFailures: Bool { !notAppended.isEmpty }

  /// `events`: how many of this publish the stream holds.
  mutating func add<Sender>(_ report: StreamSender<Sender>.Report, events: Int) {
    tally.add(report.tally)
    folded += report.folded
    behind += report.behind
    if report.isQueued { queued += events }
    sent.connections += report.connections
    sent.gone += report.tally.gone
    sent.retried += report.tally.retried
    sent.folded += report.folded
    sent.behind += report.behind
    sent.deliver(events: report.events, sample: report.latencies)
    sent.noteLogAge(milliseconds: report.leftMilliseconds)
  }

  mutating func reject(_ error: PublishError) {
    rejected += 1
    errors.append(error)
  }

  /// `maximumErrors`: so many are listed; all of them are counted.
  func encoded(maximumErrors: Int = .max) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("accepted", accepted)
      writer.member("rejected", rejected)
      writer.member("deliveries", tally.deliveries)
      writer.member("gone", tally.gone)
      writer.member("retried", tally.retried)
      writer.member("failed", tally.failed)
      writer.member("unsent", tally.unsent)
      if queued > 0 { writer.member("queued", queued) }
      if folded > 0 { writer.member("folded", folded) }
      if behind > 0 { writer.member("behind", behind) }
      if !errors.isEmpty { append(errors.prefix(maximumErrors), to: &writer) }
    }
    return writer.bytes
  }

  private func append(_ errors: ArraySlice<PublishError>, to writer: inout JSONWriter) {
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
