import ConnectionStore
import Delivery
import JSON
import Messaging
import Telemetry

/// What came of a publish.
struct PublishAnswer {
  var accepted = 0
  var rejected = 0
  var counts = DeliveryCounts()
  /// Events that were accepted and will be sent by another invocation, or by this one when it is told to go on.
  var queued = 0
  /// Events that were conflated into later ones of their key.
  var conflated = 0
  /// Connections that this publish left behind, each once however many streams it lags in.
  var lagging: Set<ConnectionID> = []
  /// For the metrics.
  var sent = SendMetrics()
  var errors: [PublishError] = []
  /// The indices of events that the log did not take: no fault of theirs, so they may come again.
  var notAppended: Set<Int> = []
  /// The indices of events that were accepted although the key made for their message belongs to another content.
  var despiteKey: [Int] = []
  /// Why the log did not take the last of them.
  var failure: TableError?

  /// Whether something failed that is no fault of the events.
  var hasFailures: Bool { !notAppended.isEmpty }

  /// `events`: how many of this publish the stream holds.
  mutating func add<Sender>(_ report: StreamSender<Sender>.Report, events: Int) {
    counts.add(report.counts)
    conflated += report.conflated
    lagging.formUnion(report.lagging)
    if report.isQueued { queued += events }
    guard !report.isLeaseTaken else { return }
    sent.send(
      receivers: report.connections, gone: report.counts.gone, retried: report.counts.retried,
      failed: report.counts.failed, conflated: report.conflated, lagging: report.lagging.count)
    sent.deliver(events: report.events, sample: report.latencies)
    if let age = report.logAgeMilliseconds { sent.recordLogAge(milliseconds: age) }
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
      writer.member("deliveries", counts.deliveries)
      writer.member("gone", counts.gone)
      writer.member("retried", counts.retried)
      writer.member("failed", counts.failed)
      writer.member("unsent", counts.unsent)
      if queued > 0 { writer.member("queued", queued) }
      if conflated > 0 { writer.member("folded", conflated) }
      if !lagging.isEmpty { writer.member("lagging", lagging.count) }
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
