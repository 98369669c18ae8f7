/// What one invocation accepted and sent, written as one line of metrics at its end.
///
///     var sent = SendMetrics()
///     sent.accept(10)
///     sent.deliver(events: 3, latencyMilliseconds: now - acceptedAt)
///     sent.write(to: &metrics, ["requestId": .text(id)])
///     // {"_aws":{…},"FunctionName":"tickertape-dev-Publisher","Accepted":[10],"Receivers":[1],…,"LogAgeMilliseconds":[0]}
///
/// What an invocation did not measure is not in its line: how many got something, where another process was at the stream;
/// how old the log is, where the time was up before that was seen. The latencies of an invocation travel as three
/// percentiles: as samples they would be a line for every hundred deliveries.
package struct SendMetrics: Sendable {
  /// Events taken into the log; nil: none were to be taken.
  package private(set) var accepted: Int?
  /// What was sent of the streams that this invocation had to itself; nil: of none.
  private var sent: Sent?

  private struct Sent {
    var receivers = 0
    var delivered = 0
    var gone = 0
    var retried = 0
    var failed = 0
    var conflated = 0
    var lagging = 0
  }

  /// From the moment an event was accepted to the moment it was delivered, in milliseconds.
  package private(set) var latencies = Histogram()
  /// How long the oldest event that is in the log and was not sent yet has waited; 0 if everything was sent, nil if that
  /// was not seen.
  package private(set) var logAgeMilliseconds: Int64?

  package init() {}

  package mutating func accept(_ count: Int) { accepted = (accepted ?? 0) + count }

  /// What was sent of one stream. `receivers`: connections that something was sent to. `gone`: connections that had left.
  /// `retried`: requests that were made again. `failed`: frames given up. `conflated`: events that a newer one of their key
  /// stood for. `lagging`: connections left behind; what they lack is sent from the log later.
  package mutating func send(
    receivers: Int, gone: Int = 0, retried: Int = 0, failed: Int = 0, conflated: Int = 0, lagging: Int = 0
  ) {
    var sent = self.sent ?? Sent()
    sent.receivers += receivers
    sent.gone += gone
    sent.retried += retried
    sent.failed += failed
    sent.conflated += conflated
    sent.lagging += lagging
    self.sent = sent
  }

  /// Events that reached a connection, counted for each.
  package mutating func deliver(events: Int = 1, latencyMilliseconds: Int64) {
    var sample = Histogram()
    sample.record(latencyMilliseconds, count: events)
    deliver(events: events, sample: sample)
  }

  /// Events with the latencies of a sample of them.
  package mutating func deliver(events: Int, sample: Histogram) {
    sent = sent ?? Sent()
    sent?.delivered += events
    latencies.add(sample)
  }

  /// Of several streams the age of the oldest counts.
  package mutating func recordLogAge(milliseconds: Int64) {
    logAgeMilliseconds = max(logAgeMilliseconds ?? 0, milliseconds)
  }

  /// Writes one line, whatever was sent, so that a silence can be told from a stop.
  package func write(to metrics: inout FunctionMetrics, fields: Log.Fields = [:]) {
    if let accepted { metrics.count("Accepted", amount: accepted) }
    if let sent {
      metrics.count("Receivers", amount: sent.receivers)
      metrics.count("Delivered", amount: sent.delivered)
      metrics.count("Gone", amount: sent.gone)
      metrics.count("Retried", amount: sent.retried)
      metrics.count("Failed", amount: sent.failed)
      metrics.count("Conflated", amount: sent.conflated)
      metrics.count("Lagging", amount: sent.lagging)
    }
    for (name, percent) in [("P50", 50), ("P95", 95), ("P99", 99)] {
      guard let latency = latencies.percentile(percent) else { continue }
      metrics.record("DeliveryLatency\(name)Milliseconds", value: Double(latency), unit: .milliseconds)
    }
    if let logAgeMilliseconds {
      metrics.record("LogAgeMilliseconds", value: Double(logAgeMilliseconds), unit: .milliseconds)
    }
    metrics.write(fields)
  }
}
