/// What one invocation accepted and sent, written as one line of metrics at its end.
///
///     var sent = SendMetrics()
///     sent.accepted += 10
///     sent.deliver(events: 3, latencyMilliseconds: now - acceptedAt)
///     sent.write(SendMetrics.metrics(.process), ["requestId": .text(id)])
///     // {"_aws":{…},"FunctionName":"tickertape-dev-Publisher","Connections":[1],"Accepted":[10],…,"LogAgeMilliseconds":[0]}
///
/// The latencies of an invocation travel as three percentiles: as samples they would be a line for every hundred
/// deliveries.
package struct SendMetrics: Sendable {
  /// Connections that something was sent to.
  package var connections = 0
  /// Events taken into the log.
  package var accepted = 0
  /// Events that reached a connection, counted for each.
  package var delivered = 0
  /// Connections that had left.
  package var gone = 0
  /// Requests that were made again.
  package var retried = 0
  /// Events that a newer one of their key stood for.
  package var conflated = 0
  /// Connections left behind: what they lack is sent from the log later.
  package var lagging = 0
  /// From the moment an event was accepted to the moment it was delivered, in milliseconds.
  package private(set) var latencies = Histogram()
  /// How long the oldest event that is in the log and was not sent yet has waited; 0 if everything was sent.
  package private(set) var logAgeMilliseconds: Int64 = 0

  package init() {}

  package mutating func deliver(events: Int = 1, latencyMilliseconds: Int64) {
    delivered += events
    latencies.record(latencyMilliseconds, count: events)
  }

  /// Events with the latencies of a sample of them.
  package mutating func deliver(events: Int, sample: Histogram) {
    delivered += events
    latencies.add(sample)
  }

  /// Of several streams the age of the oldest counts.
  package mutating func recordLogAge(milliseconds: Int64) { logAgeMilliseconds = max(logAgeMilliseconds, milliseconds) }

  /// The metrics this is written to: those of the function, by the name that the alarms of a deployment know it by.
  package static func metrics(
    environment: Environment, clock: Clock = .system,
    write: @escaping @Sendable ([UInt8]) -> Void = { Log.writeToStandardOutput($0) }
  ) -> Metrics {
    Metrics(
      namespace: "Tickertape", dimensions: [("FunctionName", environment["AWS_LAMBDA_FUNCTION_NAME"] ?? "")],
      clock: clock, write: write)
  }

  /// Writes one line, whatever was sent, so that a silence can be told from a stop.
  package func write(_ metrics: Metrics, fields: Log.Fields = [:]) {
    var metrics = metrics
    metrics.count("Connections", amount: connections)
    metrics.count("Accepted", amount: accepted)
    metrics.count("Delivered", amount: delivered)
    metrics.count("Gone", amount: gone)
    metrics.count("Retried", amount: retried)
    metrics.count("Conflated", amount: conflated)
    metrics.count("Lagging", amount: lagging)
    for (name, percent) in [("P50", 50), ("P95", 95), ("P99", 99)] {
      guard let latency = latencies.percentile(percent) else { continue }
      metrics.record("DeliveryLatency\(name)Milliseconds", value: Double(latency), unit: .milliseconds)
    }
    metrics.record("LogAgeMilliseconds", value: Double(logAgeMilliseconds), unit: .milliseconds)
    metrics.flush(fields)
  }
}
