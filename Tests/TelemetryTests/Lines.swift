import Synchronization
import Telemetry

/// Collects what is written.
final class Lines: Sendable {
  private let collected = Mutex<[String]>([])

  var all: [String] { collected.withLock { $0 } }

  var write: @Sendable ([UInt8]) -> Void {
    { [self] bytes in collected.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
  }
}

extension Clock {
  /// Stands at 2026-11-20T12:00:00Z.
  static let fixed = Clock(milliseconds: { 1_795_176_000_000 }, monotonicMilliseconds: { 5000 })
}
