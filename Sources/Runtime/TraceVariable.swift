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
    unsetenv(Self.name.start)
    entry.deallocate()
  }

  /// Sets the variable, or unsets it for an invocation that is not traced.
  func set(_ traceID: String?) {
    guard let traceID, !traceID.utf8.contains(0) else {
      unsetenv(Self.name.start)
      return
    }
    reserve(Self.name.utf8CodeUnitCount + traceID.utf8.count + 2)
    write(traceID)
    putenv(entry.baseAddress!)
  }

  private func reserve(_ count: Int) {
    guard count > entry.count else { return }
    unsetenv(Self.name.start)
    entry.deallocate()
    entry = .allocate(capacity: count)
  }

  private func write(_ traceID: String) {
    var place = 0
    func append(_ byte: UInt8) {
      entry[place] = CChar(bitPattern: byte)
      place += 1
    }
    for offset in 0..<Self.name.utf8CodeUnitCount { append(Self.name.utf8Start[offset]) }
    append(UInt8(ascii: "="))
    for byte in traceID.utf8 { append(byte) }
    append(0)
  }
}

extension StaticString {
  fileprivate var start: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
