import Glibc

/// What this process has used since it started, as the kernel says (getrusage(2)).
package struct ProcessUsage: Equatable, Sendable {
  /// Time on a processor, in the program and in the kernel for it.
  package var processorMicroseconds: Int64
  /// The most memory it has had.
  package var peakKilobytes: Int64

  package init(processorMicroseconds: Int64, peakKilobytes: Int64) {
    self.processorMicroseconds = processorMicroseconds
    self.peakKilobytes = peakKilobytes
  }

  /// Nil: the kernel does not say.
  package static func read() -> ProcessUsage? {
    var usage = rusage()
    guard getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
    return ProcessUsage(
      processorMicroseconds: microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
      peakKilobytes: Int64(usage.ru_maxrss))
  }

  private static func microseconds(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }
}
