import JSON
import Telemetry
import Testing

@Suite("Metrics")
struct MetricsTests {
  private let lines = Lines()

  private func metrics(_ dimensions: [(name: String, value: String)] = []) -> Metrics {
    Metrics(namespace: "Tickertape", dimensions: dimensions, clock: .fixed, write: lines.write)
  }

  @Test("a line is what the embedded metric format asks for")
  func line() {
    var metrics = metrics([("Service", "Publisher"), ("Stage", "dev")])
    metrics.record("PostLatency", value: 12, unit: .milliseconds)
    metrics.record("PostLatency", value: 7.5, unit: .milliseconds)
    metrics.count("Gone", amount: 2)
    metrics.count("Gone")
    metrics.flush(["requestId": "r-1"])
    #expect(
      lines.all == [
        #"{"_aws":{"Timestamp":1795176000000,"CloudWatchMetrics":[{"Namespace":"Tickertape","#
          + #""Dimensions":[["Service","Stage"]],"Metrics":[{"Name":"PostLatency","Unit":"Milliseconds"},"#
          + #"{"Name":"Gone","Unit":"Count"}]}]},"Service":"Publisher","Stage":"dev","PostLatency":[12.0,7.5],"#
          + #""Gone":[3.0],"requestId":"r-1"}"# + "\n"
      ])
  }

  @Test("nothing recorded, nothing written; what is written is written once")
  func flushing() {
    var metrics = metrics()
    metrics.flush()
    #expect(lines.all.isEmpty)
    metrics.count("A")
    metrics.flush()
    metrics.flush()
    #expect(lines.all.count == 1)
    #expect(lines.all[0].contains(#""Dimensions":[[]]"#))
  }

  @Test("no line holds more than 100 values of a metric, and none is lost")
  func manyValues() throws {
    var metrics = metrics()
    metrics.count("Other")
    for value in 0..<250 { metrics.record("Latency", value: Double(value), unit: .microseconds) }
    metrics.flush()
    let values = try lines.all.map { try self.values("Latency", in: $0) }
    #expect(values.map(\.count) == [100, 100, 50])
    #expect(values.flatMap { $0 } == (0..<250).map { "\($0).0" })
    #expect(lines.all.filter { $0.contains("Other") }.count == 1)
  }

  @Test("no line holds more than 100 metrics, and none is lost")
  func manyMetrics() {
    var metrics = metrics()
    for number in 0..<230 { metrics.count("M\(number)") }
    metrics.flush()
    #expect(lines.all.map { $0.split(separator: "\"Name\"").count - 1 } == [100, 100, 30])
  }

  @Test("what is no number is left out, so is a dimension without a value, and a long one is cut")
  func oddValues() throws {
    var metrics = metrics([("Empty", ""), ("Long", String(repeating: "é", count: 2000))])
    metrics.record("A", value: .nan, unit: .none)
    metrics.record("A", value: .infinity, unit: .none)
    metrics.flush()
    #expect(lines.all.isEmpty)
    metrics.record("A", value: 1, unit: .none)
    metrics.flush()
    let line = try #require(lines.all.first)
    try JSONReader.validate(Array(line.utf8))
    #expect(line.contains(#""Dimensions":[["Long"]]"#) && !line.contains("Empty"))
    #expect(line.contains("\"Long\":\"" + String(repeating: "é", count: 1024) + "\""))
  }

  /// The numbers of a metric as they are written; none if the line does not have it.
  private func values(_ name: String, in line: String) throws -> [String] {
    var reader = JSONReader(Array(line.utf8))
    var values: [String] = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      guard key == name else {
        try reader.skip()
        continue
      }
      try reader.beginArray()
      while try reader.nextElement() { values.append(String(decoding: try reader.number(), as: UTF8.self)) }
    }
    try reader.end()
    return values
  }
}
