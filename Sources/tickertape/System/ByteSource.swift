/// Where bytes are read from: a file, standard input, or an array in a test.
final class ByteSource {
  let name: String
  /// Bytes in all, where that is known.
  let size: Int?
  /// Bytes handed out so far.
  private(set) var position = 0
  /// Whether `read` would give something, or the end, without waiting.
  let isReady: () -> Bool
  /// What `read` waits for no longer once it has come.
  var signal = TerminationSignal.never
  /// To wait on; nil where nothing is waited for.
  private let descriptor: Int32?
  private let next: () throws(SystemFailure) -> [UInt8]
  private let close: () -> Void

  /// `next` gives what comes next, and an empty array at the end.
  init(
    name: String, size: Int? = nil, descriptor: Int32? = nil, isReady: @escaping () -> Bool = { true },
    next: @escaping () throws(SystemFailure) -> [UInt8], close: @escaping () -> Void = {}
  ) {
    self.isReady = isReady
    self.descriptor = descriptor
    self.name = name
    self.size = size
    self.next = next
    self.close = close
  }

  deinit { close() }

  static func file(path: String) throws(CommandFailure) -> ByteSource {
    guard !System.isDirectory(path: path) else {
      throw CommandFailure(code: .inputOutput, message: "\(path) is a directory, not a file")
    }
    let descriptor = try open(path: path)
    return ByteSource(
      name: path, size: System.fileSize(descriptor: descriptor), descriptor: descriptor,
      isReady: { System.wait(forReadable: [descriptor], milliseconds: 0)[0] },
      next: { () throws(SystemFailure) in try System.read(descriptor: descriptor, name: path) },
      close: { System.close(descriptor: descriptor) })
  }

  private static func open(path: String) throws(CommandFailure) -> Int32 {
    do { return try System.open(path: path) } catch {
      let advice = error.isAbsence ? ["looked for \(System.absolutePath(path: path))"] : []
      throw CommandFailure(code: .inputOutput, message: "cannot read \(error)", advice: advice)
    }
  }

  static var standardInput: ByteSource {
    ByteSource(
      name: "standard input", descriptor: 0, isReady: { System.wait(forReadable: [0], milliseconds: 0)[0] },
      next: { () throws(SystemFailure) in try System.read(descriptor: 0, name: "standard input") })
  }

  /// The next bytes; none at the end. Once the interruption has come, `.interrupted`.
  func read() throws(CommandFailure) -> [UInt8] {
    if let descriptor, System.wait(forReadable: [signal.descriptor, descriptor], milliseconds: -1)[0] {
      throw CommandFailure(code: .interrupted, message: "")
    }
    do {
      let bytes = try next()
      position += bytes.count
      return bytes
    } catch {
      if error.isClosed, descriptor == 0 {
        throw CommandFailure(
          code: .inputOutput, message: "cannot read standard input: it is closed",
          advice: ["give it a file or a pipe, or name a file"]
        )
      }
      throw CommandFailure(code: .inputOutput, message: "cannot read \(error)")
    }
  }

  /// All that is left, if it is no more than `maximumBytes`; nil if it is more. A byte order mark at its beginning is no
  /// content.
  func readAll(maximumBytes: Int) throws(CommandFailure) -> [UInt8]? {
    var bytes: [UInt8] = []
    while case let more = try read(), !more.isEmpty {
      bytes += more
      guard bytes.count <= maximumBytes else { return nil }
    }
    return ByteOrderMark.isAtStart(of: bytes) ? Array(bytes.dropFirst(ByteOrderMark.bytes.count)) : bytes
  }
}

/// What some editors write at the beginning of a file in UTF-8 (Unicode 15, section 23.8); it says nothing here.
enum ByteOrderMark {
  static let bytes: [UInt8] = [0xEF, 0xBB, 0xBF]

  static func isAtStart(of text: [UInt8]) -> Bool { text.starts(with: bytes) }
}
