/// A line of a function's log: what it wrote, or what Lambda would write about it.
package struct FunctionLogLine {
  package let function: String
  /// Counts the processes of the function from 1.
  package let environment: Int
  /// Without its line feed.
  package let text: [UInt8]
  /// One of START, END, REPORT and INIT_REPORT, not the function's own words.
  package let isReport: Bool
}

/// The lines that Lambda writes around an invocation.
enum ReportLine {
  static func start(_ requestID: String) -> String { "START RequestId: \(requestID) Version: $LATEST" }

  static func end(_ requestID: String) -> String { "END RequestId: \(requestID)" }

  /// Times in microseconds; `initMicroseconds` on the first invocation of an environment only.
  static func report(
    _ requestID: String, microseconds: Int64, initMicroseconds: Int64?, memoryMegabytes: Int, peakKilobytes: Int
  ) -> String {
    var line = "REPORT RequestId: \(requestID)\tDuration: \(milliseconds(microseconds)) ms"
    line += "\tBilled Duration: \((microseconds + (initMicroseconds ?? 0) + 999) / 1000) ms"
    line += "\tMemory Size: \(memoryMegabytes) MB\tMax Memory Used: \((peakKilobytes + 1023) / 1024) MB"
    if let initMicroseconds { line += "\tInit Duration: \(milliseconds(initMicroseconds)) ms" }
    return line
  }

  static func initReport(microseconds: Int64, errorType: String) -> String {
    "INIT_REPORT Init Duration: \(milliseconds(microseconds)) ms\tPhase: init\tStatus: error\tError Type: \(errorType)"
  }

  private static func milliseconds(_ microseconds: Int64) -> String { Decimal.hundredths(microseconds / 10) }
}
