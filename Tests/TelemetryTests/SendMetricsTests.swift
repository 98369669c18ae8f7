import JSON
import Telemetry
import TestSupport
import Testing

@Suite("what an invocation sent, as metrics")
struct SendMetricsTests {
  @Test("an invocation writes one line with every number, units in the names")
  func line() throws {
    let lines = Lines()
    var sent = SendMetrics()
    sent.accept(3)
    sent.send(receivers: 2, gone: 1, retried: 4, failed: 7, conflated: 5, lagging: 6)
    sent.deliver(events: 98, latencyMilliseconds: 10)
    sent.deliver(latencyMilliseconds: 40)
    sent.deliver(latencyMilliseconds: 50)
    sent.recordLogAge(milliseconds: 1200)
    sent.recordLogAge(milliseconds: 700)
    var metrics = metrics(lines)
    sent.write(to: &metrics, fields: ["requestId": "r-1"])
    let names = [
      "Accepted", "Receivers", "Delivered", "Gone", "Retried", "Failed", "Conflated", "Lagging",
      "DeliveryLatencyP50Milliseconds",
      "DeliveryLatencyP95Milliseconds", "DeliveryLatencyP99Milliseconds", "LogAgeMilliseconds",
    ]
    let definitions = names.map {
      #"{"Name":"\#($0)","Unit":"\#($0.hasSuffix("Milliseconds") ? "Milliseconds" : "Count")"}"#
    }
    #expect(
      lines.all == [
        #"{"_aws":{"Timestamp":1795176000000,"CloudWatchMetrics":[{"Namespace":"Tickertape","#
          + #""Dimensions":[["FunctionName"]],"Metrics":["# + definitions.joined(separator: ",") + "]}]},"
          + #""FunctionName":"tickertape-dev-Publisher","Accepted":[3.0],"Receivers":[2.0],"Delivered":[100.0],"#
          + #""Gone":[1.0],"Retried":[4.0],"Failed":[7.0],"Conflated":[5.0],"Lagging":[6.0],"#
          + #""DeliveryLatencyP50Milliseconds":[10.0],"#
          + #""DeliveryLatencyP95Milliseconds":[10.0],"DeliveryLatencyP99Milliseconds":[40.0],"#
          + #""LogAgeMilliseconds":[1200.0],"requestId":"r-1","cpuMilliseconds":1.9,"peakMegabytes":21}"# + "\n"
      ])
  }

  @Test(
    "what was not measured is in no line: who got something, where another was at the stream, or a latency of nothing")
  func nothing() {
    let lines = Lines()
    var metrics = metrics(lines)
    SendMetrics().write(to: &metrics)
    #expect(lines.all.isEmpty)
    var sent = SendMetrics()
    sent.accept(0)
    sent.write(to: &metrics)
    #expect(lines.all.count == 1 && lines.all[0].contains(#""Accepted":[0.0]"#))
    for name in ["Receivers", "Delivered", "Failed", "Latency", "LogAge"] { #expect(!lines.all[0].contains(name)) }
    sent.send(receivers: 0)
    sent.write(to: &metrics)
    #expect(lines.all[1].contains(#""Receivers":[0.0],"Delivered":[0.0]"#) && !lines.all[1].contains("Latency"))
  }

  private func metrics(_ lines: Lines) -> FunctionMetrics {
    FunctionMetrics(
      environment: Environment(["AWS_LAMBDA_FUNCTION_NAME": "tickertape-dev-Publisher"]), clock: .fixed,
      readUsage: { ProcessUsage(processorMicroseconds: 1_950, peakKilobytes: 20_500) }, write: lines.write)
  }

  @Test("a million deliveries are still one line")
  func bounded() {
    let lines = Lines()
    var sent = SendMetrics()
    for number in 0..<100_000 { sent.deliver(events: 10, latencyMilliseconds: Int64(number)) }
    var metrics = metrics(lines)
    sent.write(to: &metrics)
    #expect(lines.all.count == 1 && lines.all[0].utf8.count < 2000)
  }
}

@Suite("a histogram in a bounded space")
struct HistogramTests {
  @Test("its percentiles are those of the sorted values, within a thirty-second part", arguments: 1...100)
  func percentiles(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let bits = Int.random(in: 1...39, using: &generator)
    let values = (0..<Int.random(in: 1...500, using: &generator)).map { _ in
      Int64.random(in: 0..<1 << Int64(bits), using: &generator)
    }
    var histogram = Histogram()
    var other = Histogram()
    for (place, value) in values.enumerated() {
      if place % 3 == 0 { other.record(value) } else { histogram.record(value) }
    }
    histogram.add(other)
    let sorted = values.sorted()
    for percent in [0, 1, 50, 95, 99, 100] {
      let exact = sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
      let told = try #require(histogram.percentile(percent))
      #expect(abs(told - exact) <= exact / 32, "seed \(seed): \(percent) % is \(exact), told as \(told)")
    }
    #expect(histogram.count == values.count)
  }

  @Test("values at both ends of what there is are taken", arguments: [Int64.min, -1, 0, 63, 64, 1 << 40, Int64.max])
  func extremes(value: Int64) {
    var histogram = Histogram()
    histogram.record(value)
    #expect(histogram.percentile(50) == max(0, value))
  }

  @Test("without a value there is no percentile") func empty() { #expect(Histogram().percentile(99) == nil) }
}
