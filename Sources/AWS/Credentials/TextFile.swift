import Glibc

// The room's border to C: reading a file.

enum TextFile {
  /// The text of a file of at most a mebibyte, or what the system says instead.
  static func read(path: String) -> Reading {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return .failed(errno == ENOENT ? nil : String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    var length = 0
    while length < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + length, $0.count - length) }
      if count < 0 { return .failed(String(cString: strerror(errno))) }
      if count == 0 { break }
      length += count
    }
    guard let text = String(validating: bytes[..<length], as: UTF8.self) else { return .failed("not UTF-8") }
    return .text(text)
  }

  enum Reading: Equatable {
    case text(String)
    /// Why not; nil if there is no such file.
    case failed(String?)
  }
}
