import Connections
import Delivery
import LambdaEvents
import LambdaRuntime
import Messaging
import Telemetry

// What an invocation says of itself: never the data of an event.
extension Publish {
  /// A publish: where it came from, how much came of it, and which events of which streams it was.
  func logPublished(_ answer: PublishAnswer, source: EventSource, appended: [AppendedRange], log: Log) {
    var log = log.with(["source": .identifier(source.name)])
    if let only = appended.first, appended.count == 1 {
      log = log.with([
        "stream": .stream(only.stream), "firstSeq": .number(only.first), "lastSeq": .number(only.last),
      ])
    } else if !appended.isEmpty {
      log = log.with(["streams": .number(Int64(appended.count)), "sequences": .own(Self.sequences(appended))])
    }
    logCounts("published", answer, log: log)
  }

  /// An invocation that published nothing itself: what it sent of what stands in the log.
  mutating func report(_ answer: PublishAnswer, log: Log, context: InvocationContext) {
    writeMetrics(answer, context: context)
    logCounts("pending events sent", answer, log: log)
  }

  mutating func writeMetrics(_ answer: PublishAnswer, context: InvocationContext) {
    guard metrics != nil else { return }
    for (reason, count) in answer.counts.disconnects.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      metrics?.count("Disconnects", amount: count, by: ("Reason", reason.rawValue))
    }
    answer.sent.write(to: &metrics!, fields: ["requestId": .identifier(context.requestID)])
  }

  func logCounts(_ message: LogText, _ answer: PublishAnswer, log: Log) {
    log.info(
      message,
      [
        "accepted": .number(Int64(answer.accepted)),
        "rejected": .number(Int64(answer.rejected)), "queued": .number(Int64(answer.queued)),
        "deliveries": .number(Int64(answer.counts.deliveries)), "gone": .number(Int64(answer.counts.gone)),
        "retried": .number(Int64(answer.counts.retried)), "failed": .number(Int64(answer.counts.failed)),
        "unsent": .number(Int64(answer.counts.unsent)),
      ])
  }

  /// So many streams are named in a line.
  private static var namedStreams: Int { 10 }

  /// `all/signal 5-7, user/u-1 3-3`
  private static func sequences(_ appended: [AppendedRange]) -> LogText {
    var text = ""
    for range in appended.prefix(namedStreams) {
      let name: LogText = "\(stream: range.stream)"
      text += "\(text.isEmpty ? "" : ", ")\(name) \(range.first)-\(range.last)"
    }
    let rest = appended.count - namedStreams
    return LogText(known: rest > 0 ? "\(text) and \(rest) more" : text)
  }
}
