import Glibc

/// Where the time comes from: a value that is passed in, so that a test can pass its own.
package struct Clock: Sendable {
  /// Milliseconds since the epoch (1970-01-01T00:00:00Z), for stamps that leave the process.
  package let milliseconds: @Sendable () -> Int64
  /// Milliseconds of a clock that never goes back, for durations.
  package let monotonicMilliseconds: @Sendable () -> Int64

  /// Waits so many milliseconds, or lets a test's clock pass them.
  package let pause: @Sendable (_ milliseconds: Int64) -> Void

  package init(
    milliseconds: @escaping @Sendable () -> Int64, monotonicMilliseconds: @escaping @Sendable () -> Int64,
    pause: @escaping @Sendable (_ milliseconds: Int64) -> Void = Clock.sleep
  ) {
    self.milliseconds = milliseconds
    self.monotonicMilliseconds = monotonicMilliseconds
    self.pause = pause
  }

  /// Seconds since the epoch.
  package var seconds: Int64 { milliseconds() / 1000 }

  /// The machine's clocks. The monotonic one counts while Lambda has the process frozen (`CLOCK_BOOTTIME`).
  package static let system = Clock(
    milliseconds: { read(CLOCK_REALTIME) },
    monotonicMilliseconds: { read(CLOCK_BOOTTIME) })

  /// Sleeps, whatever signals come.
  package static let sleep: @Sendable (_ milliseconds: Int64) -> Void = { milliseconds in
    guard milliseconds > 0 else { return }
    var time = timespec(tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
    var rest = timespec()
    while nanosleep(&time, &rest) == -1, errno == EINTR { time = rest }
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
