import Synchronization
package import Telemetry

/// A clock that stands still until the test moves it.
package final class SettableClock: Sendable {
  private let time: Mutex<Int64>

  /// `seconds`: since the epoch.
  package init(seconds: Int64 = 1_800_000_000) { time = Mutex(seconds * 1000) }

  package var clock: Clock {
    Clock(
      milliseconds: { [self] in time.withLock { $0 } }, monotonicMilliseconds: { [self] in time.withLock { $0 } },
      pause: { [self] in advance(milliseconds: $0) })
  }

  /// Seconds since the epoch.
  package var seconds: Int64 { time.withLock { $0 / 1000 } }

  package func advance(milliseconds: Int64) { time.withLock { $0 += milliseconds } }

  package func advance(seconds: Int64) { advance(milliseconds: seconds * 1000) }
}
