import Glibc

/// A file as it was when it was asked for.
struct PageFile {
  static let maximumBytes = 4 << 20

  let bytes: [UInt8]
  /// Another one whenever the file is changed, from its size, time and inode.
  let tag: String

  /// The file of these names below `folder`. Each name is opened in the folder before it and no link is followed, so
  /// that nothing outside can be read, whatever is changed meanwhile. Nil if there is no such file.
  static func read(_ names: [String], in folder: String) throws(SystemError) -> PageFile? {
    var descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    for (index, name) in names.enumerated() where descriptor >= 0 {
      // A pipe that nobody writes to would be waited for.
      let kind = index == names.count - 1 ? O_NONBLOCK : O_DIRECTORY
      let next = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind)
      close(descriptor)
      descriptor = next
    }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return PageFile(bytes: try bytes(descriptor, expected: Int(status.st_size)), tag: tag(status))
  }

  private static func bytes(_ descriptor: Int32, expected: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(min(expected, maximumBytes))
    while true {
      var count = 0
      let chunk = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, used in
        count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        used = max(0, count)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("read") }
      if count == 0 { return bytes }
      bytes += chunk
      guard bytes.count <= maximumBytes else { throw SystemError("read", number: EFBIG) }
    }
  }

  private static func tag(_ status: stat) -> String {
    let time = UInt64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ UInt64(status.st_mtim.tv_nsec)
    return [UInt64(status.st_size), time, UInt64(status.st_ino)].map { String($0, radix: 36) }.joined(separator: "-")
  }

  /// By the name's ending. Browsers do not guess another one (`nosniff`), and run no script that is not called one.
  static func contentType(name: String) -> String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "js", "mjs": "text/javascript; charset=utf-8"
    case "json", "map": "application/json"
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "ico": "image/x-icon"
    case "woff2": "font/woff2"
    case "txt", "md", "ts": "text/plain; charset=utf-8"
    default: "application/octet-stream"
    }
  }

  /// Pictures and fonts are compressed already.
  static func isText(contentType: String) -> Bool {
    contentType.hasPrefix("text/") || contentType == "application/json" || contentType == "image/svg+xml"
  }
}
