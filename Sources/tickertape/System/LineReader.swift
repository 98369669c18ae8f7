/// The lines of a source, without their line ends (LF or CRLF) and without a byte order mark, numbered from 1.
struct LineReader {
  /// A line longer than this is no event: 96 KB is the most one may hold.
  static let maximumBytes = 1 << 20

  enum Line: Equatable {
    case bytes([UInt8])
    /// Longer than allowed; it was passed over.
    case tooLong
  }

  private let source: ByteSource
  private var buffer: [UInt8] = []
  private var start = 0
  private var hasEnded = false
  /// The beginning of the line at hand was thrown away.
  private var isPassingOver = false
  /// Of the line read last.
  private(set) var number = 0

  init(_ source: ByteSource) { self.source = source }

  /// Whether another line, or the end, can be had without waiting.
  var hasMore: Bool { hasEnded || buffer[start...].contains(0x0A) || source.isReady() }

  /// The next line, or nil after the last.
  mutating func next() throws(CommandFailure) -> Line? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: 0x0A) { return consume(to: end, next: end + 1) }
      if hasEnded {
        return start < buffer.count || isPassingOver ? consume(to: buffer.count, next: buffer.count) : nil
      }
      buffer.removeFirst(start)
      start = 0
      if buffer.count > Self.maximumBytes {
        isPassingOver = true
        buffer = []
      }
      searched = buffer.count
      let bytes = try source.read()
      hasEnded = bytes.isEmpty
      buffer += bytes
    }
  }

  private mutating func consume(to end: Int, next: Int) -> Line {
    defer { isPassingOver = false }
    var line = buffer[start..<end]
    if line.last == 0x0D { line.removeLast() }
    start = next
    number += 1
    if number == 1, ByteOrderMark.isAtStart(of: Array(line.prefix(3))) { line = line.dropFirst(3) }
    return isPassingOver || line.count > Self.maximumBytes ? .tooLong : .bytes(Array(line))
  }
}
