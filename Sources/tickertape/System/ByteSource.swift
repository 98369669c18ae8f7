/// Where bytes are read from: a file, standard input, or an array in a test.
final class ByteSource {
  let name: String
  /// Bytes in all, where that is known.
  let size: Int?
  /// Bytes handed out so far.
  private(set) var position = 0
  /// Whether `read` would give something, or the end, without waiting.
  let isReady: () -> Bool
  private let next: () throws(SystemFailure) -> [UInt8]
  private let close: () -> Void

  /// `next` gives what comes next, and an empty array at the end.
  init(
    name: String, size: Int? = nil, isReady: @escaping () -> Bool = { true },
    next: @escaping () throws(SystemFailure) -> [UInt8], close: @escaping () -> Void = {}
  ) {
    self.isReady = isReady
    self.name = name
    self.size = size
    self.next = next
    self.close = close
  }

  deinit { close() }

  static func file(_ path: String) throws(CommandFailure) -> ByteSource {
    guard !System.isDirectory(path) else {
      throw CommandFailure(.inputOutput, "\(path) is a directory, not a file")
    }
    let descriptor = try open(path)
    return ByteSource(
      name: path, size: System.fileSize(descriptor),
      next: { () throws(SystemFailure) in try System.read(descriptor, name: path) },
      close: { System.close(descriptor) })
  }

  private static func open(_ path: String) throws(CommandFailure) -> Int32 {
    do { return try System.open(path) } catch {
      let advice = error.isAbsence ? ["looked for \(System.absolutePath(path))"] : []
      throw CommandFailure(.inputOutput, "cannot read \(error)", advice: advice)
    }
  }

  static var standardInput: ByteSource {
    ByteSource(
      name: "standard input", isReady: { System.wait(forReadable: [0], milliseconds: 0)[0] },
      next: { () throws(SystemFailure) in try System.read(0, name: "standard input") })
  }

  func read() throws(CommandFailure) -> [UInt8] {
    do {
      let bytes = try next()
      position += bytes.count
      return bytes
    } catch {
      throw CommandFailure(.inputOutput, "cannot read \(error)")
    }
  }
}

/// The lines of a source, without their line ends (LF or CRLF), numbered from 1.
struct LineReader {
  /// A line longer than this is no event: 96 KB is the most one may hold.
  static let maximumBytes = 1 << 20

  private let source: ByteSource
  private var buffer: [UInt8] = []
  private var start = 0
  private var hasEnded = false
  /// Of the line read last.
  private(set) var number = 0

  init(_ source: ByteSource) { self.source = source }

  /// Whether another line, or the end, can be had without waiting.
  var hasMore: Bool { hasEnded || buffer[start...].contains(0x0A) || source.isReady() }

  /// The next line, or nil after the last.
  mutating func next() throws(CommandFailure) -> [UInt8]? {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: 0x0A) { return take(to: end, next: end + 1) }
      if hasEnded { return start < buffer.count ? take(to: buffer.count, next: buffer.count) : nil }
      guard buffer.count - start <= Self.maximumBytes else {
        throw CommandFailure(
          .failure, "\(source.name), line \(number + 1) is longer than \(Self.maximumBytes) bytes")
      }
      buffer.removeFirst(start)
      start = 0
      searched = buffer.count
      let bytes = try source.read()
      hasEnded = bytes.isEmpty
      buffer += bytes
    }
  }

  private mutating func take(to end: Int, next: Int) -> [UInt8] {
    var line = buffer[start..<end]
    if line.last == 0x0D { line.removeLast() }
    start = next
    number += 1
    return Array(line)
  }
}
