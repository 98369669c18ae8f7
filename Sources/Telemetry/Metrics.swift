import JSON

/// Metrics in CloudWatch's embedded metric format: log lines from which CloudWatch makes metrics by itself, no call
/// needed.
///
///     var metrics = Metrics(namespace: "Tickertape", dimensions: [("Service", "Publisher"), ("Stage", "dev")])
///     metrics.record("PostLatency", 7.5, .milliseconds)
///     metrics.count("Gone")
///     metrics.flush(["requestId": .text(id)])
///     // {"_aws":{"Timestamp":…,"CloudWatchMetrics":[…]},"Service":"Publisher","Stage":"dev","PostLatency":[7.5],…}
///
/// A line holds at most 100 metrics of at most 100 values each. What would be more is written before it is: memory
/// stays bounded however many values are recorded. Delivery is at least once, as of every log line.
package struct Metrics: Sendable {
  /// CloudWatch's names of units.
  package enum Unit: String, Sendable {
    case seconds = "Seconds"
    case milliseconds = "Milliseconds"
    case microseconds = "Microseconds"
    case bytes = "Bytes"
    case count = "Count"
    case countPerSecond = "Count/Second"
    case percent = "Percent"
    case none = "None"
  }

  private struct Metric: Sendable {
    let name: String
    let unit: Unit
    var values: [Double]
  }

  private static let maximumMetrics = 100
  private static let maximumValues = 100
  private static let maximumDimensionCharacters = 1024

  private let namespace: String
  private let dimensions: [(name: String, value: String)]
  private let clock: Clock
  private let write: @Sendable ([UInt8]) -> Void
  private var metrics: [Metric] = []

  /// `dimensions` are at most 30; a value is cut after 1024 characters, an empty one leaves its dimension out. Metrics,
  /// dimensions and fields of a line share one space of names.
  package init(
    namespace: String, dimensions: [(name: String, value: String)] = [], clock: Clock = .system,
    write: @escaping @Sendable ([UInt8]) -> Void = { Log.writeToStandardOutput($0) }
  ) {
    precondition((1...1024).contains(namespace.count) && dimensions.count <= 30, "CloudWatch drops such a line")
    self.namespace = namespace
    self.dimensions = dimensions.filter { !$0.value.isEmpty }
    self.clock = clock
    self.write = write
  }

  /// Adds one sample. CloudWatch makes averages and percentiles of them; what is no finite number is left out.
  package mutating func record(_ name: String, value: Double, unit: Unit) {
    guard value.isFinite else { return }
    let index = index(of: name, unit: unit)
    metrics[index].values.append(value)
    if metrics[index].values.count == Self.maximumValues { write(line([metrics.remove(at: index)], fields: [:])) }
  }

  /// Adds to a number that is reported as one value when the line is written.
  package mutating func count(_ name: String, amount: Int = 1) {
    let index = index(of: name, unit: .count)
    metrics[index].values = [(metrics[index].values.first ?? 0) + Double(amount)]
  }

  /// Writes what was recorded since the last time, if anything, with further fields that are no metrics, such as a
  /// request's name.
  package mutating func flush(_ fields: Log.Fields = [:]) {
    guard !metrics.isEmpty else { return }
    write(line(metrics, fields: fields))
    metrics.removeAll(keepingCapacity: true)
  }

  private mutating func index(of name: String, unit: Unit) -> Int {
    if let index = metrics.firstIndex(where: { $0.name == name }) { return index }
    if metrics.count == Self.maximumMetrics { flush() }
    metrics.append(Metric(name: name, unit: unit, values: []))
    return metrics.count - 1
  }

  private func line(_ metrics: [Metric], fields: Log.Fields) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("_aws")
      writer.object { directive(metrics, to: &$0) }
      for (name, value) in dimensions {
        writer.member(name, String(value.prefix(Self.maximumDimensionCharacters)))
      }
      for metric in metrics {
        writer.key(metric.name)
        writer.array { writer in for value in metric.values { writer.double(value) } }
      }
      for (name, value) in fields { value.append(to: &writer, named: name) }
    }
    return writer.bytes + [0x0A]
  }

  private func directive(_ metrics: [Metric], to writer: inout JSONWriter) {
    writer.member("Timestamp", clock.milliseconds())
    writer.key("CloudWatchMetrics")
    writer.array { writer in
      writer.object { writer in
        writer.member("Namespace", namespace)
        writer.key("Dimensions")
        writer.array { $0.array { writer in for (name, _) in dimensions { writer.string(name) } } }
        writer.key("Metrics")
        writer.array { writer in for metric in metrics { Self.definition(metric, to: &writer) } }
      }
    }
  }

  private static func definition(_ metric: Metric, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("Name", metric.name)
      writer.member("Unit", metric.unit.rawValue)
    }
  }
}
