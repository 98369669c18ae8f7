/// What one function counts of itself, written as lines of metrics. In each stands what the process has used: of the
/// processor since the line before (`cpuMilliseconds`), and of memory at most since its start (`peakMegabytes`); these are
/// no metrics, each of which would cost.
///
///     var metrics = FunctionMetrics(environment: environment)
///     metrics.count("Refusals", by: ("Status", "401"))
///     metrics.write(["requestId": .identifier(id)])
///     // {"_aws":{…},"FunctionName":"tickertape-dev-ConnectHandler","Status":"401","Refusals":[1.0],"requestId":…,"cpuMilliseconds":1.9,"peakMegabytes":21}
///
/// What was not measured is not in a line: a count that nobody made is no 0.
package struct FunctionMetrics: Sendable {
  package typealias UsageReader = @Sendable () -> ProcessUsage?

  private var metrics: Metrics
  private let clock: Clock
  private let readUsage: UsageReader
  private var processorMicroseconds: Int64 = 0
  private var writtenAt: Int64?

  /// Lines that come each minute come no sooner than this after the one before.
  private static let minuteMilliseconds: Int64 = 60_000

  /// Under the function's name, as the alarms of a deployment know it.
  package init(
    environment: Environment, clock: Clock = .system, readUsage: @escaping UsageReader = { ProcessUsage.read() },
    write: @escaping @Sendable ([UInt8]) -> Void = { Log.writeToStandardOutput($0) }
  ) {
    metrics = Metrics(
      namespace: "Tickertape", dimensions: [("FunctionName", environment["AWS_LAMBDA_FUNCTION_NAME"] ?? "")],
      clock: clock, write: write)
    self.clock = clock
    self.readUsage = readUsage
  }

  /// Nil with `METRICS=off`.
  package static func chosen(by environment: Environment) throws(TelemetrySettingError) -> FunctionMetrics? {
    try TelemetrySettings.writesMetrics(environment: environment) ? FunctionMetrics(environment: environment) : nil
  }

  package mutating func count(_ name: String, amount: Int = 1, by dimension: Metrics.Dimension? = nil) {
    metrics.count(name, amount: amount, by: dimension)
  }

  package mutating func record(
    _ name: String, value: Double, unit: Metrics.Unit, of dimension: Metrics.Dimension? = nil
  ) {
    metrics.record(name, value: value, unit: unit, of: dimension)
  }

  /// Writes a line now.
  package mutating func write(_ fields: Log.Fields = [:]) {
    writtenAt = clock.monotonicMilliseconds()
    metrics.flush(fields.map { ($0.key, $0.value) } + usedFields())
  }

  private mutating func usedFields() -> [(String, Log.Value)] {
    guard let usage = readUsage() else { return [] }
    let used = usage.processorMicroseconds - processorMicroseconds
    processorMicroseconds = usage.processorMicroseconds
    return [
      ("cpuMilliseconds", .decimal(Double(used / 100) / 10)),
      ("peakMegabytes", .number((usage.peakKilobytes + 1_023) / 1_024)),
    ]
  }

  /// Writes what was counted since the line before if that is a minute old, or if there was none: what comes often is a
  /// line a minute. What an environment counted after its last line goes with it.
  package mutating func writeEachMinute() {
    if let writtenAt, clock.monotonicMilliseconds() - writtenAt < Self.minuteMilliseconds { return }
    write()
  }
}
