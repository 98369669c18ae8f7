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

  /// A further dimension of a metric, `("Status", "401")`, of few values: CloudWatch charges for each.
  package typealias Dimension = (name: String, value: String)

  private struct Metric: Sendable {
    let name: String
    let unit: Unit
    let dimension: Dimension?
    /// It adds up: what is counted by a dimension is counted without it too.
    let isSum: Bool
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

  /// Adds one sample, under the dimension alone if there is one. CloudWatch makes averages and percentiles of them; what is
  /// no finite number is left out.
  package mutating func record(_ name: String, value: Double, unit: Unit, of dimension: Dimension? = nil) {
    guard value.isFinite else { return }
    let index = index(of: name, unit: unit, dimension: dimension, isSum: false)
    metrics[index].values.append(value)
    if metrics[index].values.count == Self.maximumValues { write(line([metrics.remove(at: index)], fields: [])) }
  }

  /// Adds to a number that is reported as one value when the line is written; by a dimension, and in all.
  package mutating func count(_ name: String, amount: Int = 1, by dimension: Dimension? = nil) {
    let index = index(of: name, unit: .count, dimension: dimension, isSum: true)
    metrics[index].values = [(metrics[index].values.first ?? 0) + Double(amount)]
  }

  /// Writes what was recorded since the last time, if anything, with further fields that are no metrics, such as a
  /// request's name: in the first line, if it takes several.
  package mutating func flush(_ fields: Log.Fields) { flush(fields.map { ($0.key, $0.value) }) }

  package mutating func flush(_ fields: [(String, Log.Value)] = []) {
    var (rest, fields) = (metrics, fields)
    while !rest.isEmpty {
      let (together, later) = Self.split(rest)
      write(line(together, fields: fields))
      (rest, fields) = (later, [])
    }
    metrics.removeAll(keepingCapacity: true)
  }

  /// A line has one value of a dimension and one of a metric: what needs another comes in a later line.
  private static func split(_ metrics: [Metric]) -> (together: [Metric], later: [Metric]) {
    var (together, later): ([Metric], [Metric]) = ([], [])
    for metric in metrics {
      let fits = together.allSatisfy { other in
        let isOtherValue = other.dimension?.name == metric.dimension?.name && !isSame(other.dimension, metric.dimension)
        return other.name != metric.name && !isOtherValue
      }
      if fits { together.append(metric) } else { later.append(metric) }
    }
    return (together, later)
  }

  private mutating func index(of name: String, unit: Unit, dimension: Dimension?, isSum: Bool) -> Int {
    if let index = metrics.firstIndex(where: { $0.name == name && Self.isSame($0.dimension, dimension) }) {
      return index
    }
    if metrics.count == Self.maximumMetrics { flush() }
    metrics.append(Metric(name: name, unit: unit, dimension: dimension, isSum: isSum, values: []))
    return metrics.count - 1
  }

  private static func isSame(_ left: Dimension?, _ right: Dimension?) -> Bool {
    left?.name == right?.name && left?.value == right?.value
  }

  private func line(_ metrics: [Metric], fields: [(String, Log.Value)]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("_aws")
      writer.object { directive(metrics, to: &$0) }
      for (name, value) in dimensions {
        writer.member(name, String(value.prefix(Self.maximumDimensionCharacters)))
      }
      for dimension in Self.further(metrics) { writer.member(dimension.name, dimension.value) }
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
      let plain = metrics.filter { $0.dimension == nil }
      if !plain.isEmpty { directive(plain, sets: [[]], to: &writer) }
      for dimension in Self.further(metrics) {
        let theirs = metrics.filter { $0.dimension?.name == dimension.name }
        let (sums, samples) = (theirs.filter(\.isSum), theirs.filter { !$0.isSum })
        if !sums.isEmpty { directive(sums, sets: [[], [dimension.name]], to: &writer) }
        if !samples.isEmpty { directive(samples, sets: [[dimension.name]], to: &writer) }
      }
    }
  }

  /// The dimensions beside those that all metrics have, each once.
  private static func further(_ metrics: [Metric]) -> [Dimension] {
    var further: [Dimension] = []
    for case let dimension? in metrics.map(\.dimension) where !further.contains(where: { $0.name == dimension.name }) {
      further.append(dimension)
    }
    return further
  }

  /// Some metrics under each of some sets of dimensions, beside those that all have.
  private func directive(_ metrics: [Metric], sets: [[String]], to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("Namespace", namespace)
      writer.key("Dimensions")
      writer.array { writer in
        for set in sets {
          writer.array { writer in for name in dimensions.map(\.name) + set { writer.string(name) } }
        }
      }
      writer.key("Metrics")
      writer.array { writer in for metric in metrics { Self.definition(metric, to: &writer) } }
    }
  }

  private static func definition(_ metric: Metric, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("Name", metric.name)
      writer.member("Unit", metric.unit.rawValue)
    }
  }
}
