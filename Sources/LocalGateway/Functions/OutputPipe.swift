import CLinux
import Glibc

/// The reading end of the pipe a child process writes to, cut into lines.
final class OutputPipe: EventHandler {
  private let descriptor: Int32
  private let loop: EventLoop
  private let onLine: ([UInt8]) -> Void
  private var lines = LineSplitter()
  private var isOpen = true

  /// The descriptor belongs to the pipe from here on; the caller adds it to the loop.
  init(descriptor: Int32, loop: EventLoop, onLine: @escaping ([UInt8]) -> Void) {
    self.descriptor = descriptor
    self.loop = loop
    self.onLine = onLine
  }

  /// Two ends that no other child inherits; only the reading one does not block.
  static func descriptors() throws(SystemError) -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    try SystemError.check("pipe2", result: pipe2(&ends, O_CLOEXEC))
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (ends[0], ends[1])
  }

  func ready(_ readiness: EventLoop.Readiness) { read() }

  /// Reads what is there, up to a bound, so that a process that never stops writing holds up nobody.
  func read() {
    withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
      for _ in 0..<16 where isOpen {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        if count > 0 {
          lines.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), onLine)
          // A short read emptied the pipe.
          if count < buffer.count { return }
        } else if count == 0 {
          close()
        } else if errno != EINTR {
          return
        }
      }
    }
  }

  /// The process has ended: its last words, also without a line feed. Others may hold the writing end still.
  func finish() {
    read()
    lines.finish(onLine)
    close()
  }

  private func close() {
    guard isOpen else { return }
    isOpen = false
    loop.remove(descriptor: descriptor)
    Glibc.close(descriptor)
  }
}

/// Cuts bytes into lines as they arrive.
struct LineSplitter {
  /// A longer line is handed on in pieces, as CloudWatch cuts events at 256 KB.
  static let maximumBytes = 256 << 10

  private var rest: [UInt8] = []

  mutating func append(_ bytes: UnsafeRawBufferPointer, _ use: ([UInt8]) -> Void) {
    var offset = 0
    while let lineFeed = bytes[offset...].firstIndex(of: 0x0A) {
      rest.append(contentsOf: bytes[offset..<lineFeed])
      handOn(use)
      offset = lineFeed + 1
    }
    rest.append(contentsOf: bytes[offset...])
    if rest.count >= Self.maximumBytes { handOn(use) }
  }

  /// The last line may lack its line feed.
  mutating func finish(_ use: ([UInt8]) -> Void) {
    if !rest.isEmpty { handOn(use) }
  }

  private mutating func handOn(_ use: ([UInt8]) -> Void) {
    use(rest)
    rest.removeAll(keepingCapacity: rest.capacity <= 4096)
  }
}
