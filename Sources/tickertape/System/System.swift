import Glibc
import Telemetry

/// The system calls of this tool, each with its errors; no other file of it touches C but `TerminationSignal`.
enum System {
  /// Reads what has come, at most 64 KB; nothing at the end.
  static func read(descriptor: Int32, name: String) throws(SystemFailure) -> [UInt8] {
    while true {
      var count = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, used in
        count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        used = max(0, count)
      }
      if count >= 0 { return bytes }
      if errno != EINTR { throw SystemFailure("read", name) }
    }
  }

  static func write(_ bytes: [UInt8], to descriptor: Int32, name: String = "") throws(SystemFailure) {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        done += count
      } else if errno != EINTR {
        throw SystemFailure("write", name)
      }
    }
  }

  static func open(path: String) throws(SystemFailure) -> Int32 {
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemFailure("open", path) }
    return descriptor
  }

  /// Standard descriptors that the caller closed (`tickertape publish - <&-`) are taken by something that cannot be
  /// used: else the next file or socket that is opened would be taken for standard input or output.
  static func occupyStandardDescriptors() {
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is given, which is this one.
      _ = Glibc.open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)
    }
  }

  static func close(descriptor: Int32) { _ = Glibc.close(descriptor) }

  /// Waits until one of the descriptors is readable or the time is over; tells which are. A signal ends it early.
  static func wait(forReadable descriptors: [Int32], milliseconds: Int64) -> [Bool] {
    var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var count = poll(&polled, nfds_t(polled.count), Int32(clamping: milliseconds))
    if count < 0 { count = poll(&polled, nfds_t(polled.count), 0) }
    return polled.map { count > 0 && $0.revents != 0 }
  }

  static func waitUntilWritable(descriptor: Int32, milliseconds: Int32) {
    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    poll(&polled, 1, milliseconds)
  }

  // MARK: Files

  static func fileSize(descriptor: Int32) -> Int? {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  static func isDirectory(path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func exists(path: String) -> Bool { access(path, F_OK) == 0 }

  static func isExecutableFile(path: String) -> Bool { access(path, X_OK) == 0 && !isDirectory(path: path) }

  /// Whether this process may create files in the directory.
  static func isWritable(path: String) -> Bool { access(path, W_OK) == 0 }

  static func isReadableAndWritable(path: String) -> Bool { access(path, R_OK | W_OK) == 0 }

  /// Makes the directory and those above it that are missing, for this user only.
  static func makeDirectories(path: String) throws(SystemFailure) {
    if path.isEmpty || isDirectory(path: path) { return }
    if let above = Path.directory(of: path) { try makeDirectories(path: above) }
    // Another process may have been faster.
    guard mkdir(path, 0o700) == 0 || errno == EEXIST && isDirectory(path: path) else {
      throw SystemFailure("mkdir", path)
    }
  }

  /// Bytes that this user may still write where the path lies.
  static func freeBytes(at path: String) -> Int64? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    return Int64(
      clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
  }

  /// Writes a file beside it and puts that in its place, for this user only.
  static func replaceFile(path: String, with bytes: [UInt8]) throws(SystemFailure) {
    let fresh = "\(path).new"
    let descriptor = Glibc.open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemFailure("open", fresh) }
    do throws(SystemFailure) {
      defer { close(descriptor: descriptor) }
      try write(bytes, to: descriptor, name: fresh)
    } catch {
      unlink(fresh)
      throw error
    }
    guard rename(fresh, path) == 0 else { throw SystemFailure("rename", path) }
  }

  /// Where this program's file lies; nil if `/proc` is not there.
  static func executablePath() -> String? {
    guard let resolved = realpath("/proc/self/exe", nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  static func absolutePath(path: String) -> String {
    if path.hasPrefix("/") { return path }
    guard let directory = getcwd(nil, 0) else { return path }
    defer { free(directory) }
    return Path.join(String(cString: directory), name: path)
  }

  // MARK: Screen

  static func isTerminal(descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  // MARK: Ports

  /// Why nothing can listen on this port of the loopback interface; nil if it is free. Nothing stays open.
  static func reasonPortIsTaken(_ port: Int) -> SystemFailure? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return SystemFailure("socket") }
    defer { _ = Glibc.close(descriptor) }
    var reuse: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port).bigEndian)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0, listen(descriptor, 1) == 0 else { return SystemFailure("bind", "127.0.0.1:\(port)") }
    return nil
  }
}

/// Paths as text, `/` between their parts.
enum Path {
  static func join(_ directory: String, name: String) -> String {
    directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
  }

  /// What stands before the last slash; nil for a bare name, `/` for what lies at the root.
  static func directory(of path: String) -> String? {
    guard let slash = path.lastIndex(of: "/") else { return nil }
    return slash == path.startIndex ? (path == "/" ? nil : "/") : String(path[..<slash])
  }

  /// What stands after the last slash.
  static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
