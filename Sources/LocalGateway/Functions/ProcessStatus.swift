import Glibc

/// Durations for reports.
enum Stopwatch {
  /// Microseconds of a clock that never goes back.
  static func microseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
  }
}

/// What the kernel says about a process.
enum ProcessStatus {
  static func peakKilobytes(_ pid: pid_t) -> Int? {
    let descriptor = open("/proc/\(pid)/status", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      return count > 0 ? peakKilobytes(inStatus: UnsafeRawBufferPointer(rebasing: buffer[..<count])) : nil
    }
  }

  /// The number in the line `VmHWM:     1234 kB`.
  static func peakKilobytes(inStatus status: some Collection<UInt8>) -> Int? {
    let line = status.split(separator: 0x0A).first { $0.starts(with: "VmHWM:".utf8) }
    let digits = line?.filter { $0 &- UInt8(ascii: "0") < 10 }
    return digits.flatMap { Int(String(decoding: $0, as: UTF8.self)) }
  }
}
