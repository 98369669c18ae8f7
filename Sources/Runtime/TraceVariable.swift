import Glibc

/// The variable `_X_AMZN_TRACE_ID`, where X-Ray's libraries look for the trace of the current invocation.
///
/// It lives in one buffer that is written over: `setenv` would keep every value it was ever given.
final class TraceVariable {
  private static let name: StaticString = "_X_AMZN_TRACE_ID"

  /// `name=value` and a NUL, a part of the process's environment while the variable is set.
  private var entry: UnsafeMutableBufferPointer<CChar>

  init() {
    entry = .allocate(capacity: 512)
  }

  deinit {
    unset()
    entry.deallocate()
  }

  /// Sets the variable, or unsets it for an invocation that is not traced.
  func set(_ traceID: String?) {
    guard var traceID else { return unset() }
    traceID.withUTF8 { value in
      // The C library would end the value there.
      guard !value.contains(0) else { return unset() }
      reserve(Self.name.utf8CodeUnitCount + value.count + 2)
      write(value)
      putenv(entry.baseAddress!)
    }
  }

  private func unset() { unsetenv(Self.name.start) }

  private func reserve(_ count: Int) {
    guard count > entry.count else { return }
    unset()
    entry.deallocate()
    entry = .allocate(capacity: count)
  }

  private func write(_ value: UnsafeBufferPointer<UInt8>) {
    let bytes = UnsafeMutableRawBufferPointer(entry)
    let nameBytes = Self.name.utf8CodeUnitCount
    bytes.copyMemory(from: UnsafeRawBufferPointer(start: Self.name.utf8Start, count: nameBytes))
    bytes[nameBytes] = UInt8(ascii: "=")
    UnsafeMutableRawBufferPointer(rebasing: bytes[(nameBytes + 1)...]).copyMemory(from: UnsafeRawBufferPointer(value))
    bytes[nameBytes + 1 + value.count] = 0
  }
}

extension StaticString {
  fileprivate var start: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
