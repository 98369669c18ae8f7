import JSON
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite("what a function counts of itself")
struct FunctionMetricsTests {
  private let lines = Lines()
  private let clock = SettableClock()

  private func metrics(_ readUsage: @escaping FunctionMetrics.UsageReader = { nil }) -> FunctionMetrics {
    FunctionMetrics(
      environment: Environment(["AWS_LAMBDA_FUNCTION_NAME": "ConnectHandler"]), clock: clock.clock,
      readUsage: readUsage, write: lines.write)
  }

  @Test("a count by a dimension is one metric of that dimension and one without; each further value is a line more")
  func dimensions() throws {
    var metrics = metrics()
    metrics.count("Connects", amount: 4)
    metrics.count("Refusals", by: ("Status", "401"))
    metrics.count("Refusals", amount: 2, by: ("Status", "403"))
    metrics.count("Refusals", by: ("Status", "401"))
    metrics.count("Disconnects", by: ("Reason", "limit"))
    metrics.write(["requestId": "r-1"])
    try #require(lines.all.count == 2)
    for line in lines.all { try JSONReader.validate(Array(line.utf8)) }
    #expect(
      lines.all[0].contains(
        #""Dimensions":[["FunctionName"],["FunctionName","Status"]],"Metrics":[{"Name":"Refusals","Unit":"Count"}]"#))
    #expect(lines.all[0].contains(#""Dimensions":[["FunctionName"]],"Metrics":[{"Name":"Connects","Unit":"Count"}]"#))
    #expect(
      lines.all[0].contains(
        #""Status":"401","Reason":"limit","Connects":[4.0],"Refusals":[2.0],"Disconnects":[1.0],"requestId":"r-1"}"#))
    #expect(lines.all[1].hasSuffix(#""FunctionName":"ConnectHandler","Status":"403","Refusals":[2.0]}"# + "\n"))
  }

  @Test("a sample of a dimension does not stand under the function alone, where it would be one of the whole")
  func samples() throws {
    var metrics = metrics()
    metrics.record("Connections", value: 5, unit: .count)
    metrics.record("Connections", value: 2, unit: .count, of: ("Role", "admin"))
    metrics.record("Connections", value: 3, unit: .count, of: ("Role", "viewer"))
    metrics.write()
    try #require(lines.all.count == 3)
    #expect(
      lines.all[0].contains(#""Dimensions":[["FunctionName"]]"#) && lines.all[0].contains(#""Connections":[5.0]"#))
    for (line, member) in zip(
      lines.all.dropFirst(), [#""admin","Connections":[2.0]"#, #""viewer","Connections":[3.0]"#])
    {
      #expect(line.contains(#""Dimensions":[["FunctionName","Role"]]"#) && line.contains(#""Role":"# + member))
    }
  }

  @Test("a line says what the processor did since the line before, and the most memory there was")
  func usage() {
    let used = Mutex<Int64>(0)
    var metrics = metrics {
      used.withLock {
        $0 += 2_500
        return ProcessUsage(processorMicroseconds: $0, peakKilobytes: 10_241)
      }
    }
    for _ in 0..<2 {
      metrics.count("Connects")
      metrics.write()
    }
    #expect(lines.all.count == 2)
    for line in lines.all { #expect(line.contains(#""cpuMilliseconds":2.5,"peakMegabytes":11}"#)) }
  }

  @Test("the kernel knows of this process that it has used some of both")
  func kernel() throws {
    let before = try #require(ProcessUsage.read())
    #expect(before.processorMicroseconds > 0 && before.peakKilobytes > 1_000)
    let after = try #require(ProcessUsage.read())
    #expect(after.processorMicroseconds >= before.processorMicroseconds && after.peakKilobytes >= before.peakKilobytes)
  }

  @Test("what comes often is a line a minute, and nothing between two lines is lost")
  func eachMinute() {
    var metrics = metrics()
    for _ in 0..<121 {
      metrics.count("Frames")
      metrics.writeEachMinute()
      clock.advance(seconds: 1)
    }
    #expect(lines.all.count == 3)
    #expect(lines.all.map { $0.contains(#""Frames":[1.0]"#) } == [true, false, false])
    #expect(lines.all.dropFirst().allSatisfy { $0.contains(#""Frames":[60.0]"#) })
    metrics.writeEachMinute()
    #expect(lines.all.count == 3)
  }
}
