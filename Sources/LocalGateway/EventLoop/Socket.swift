import Glibc

/// A TCP socket of the loop, non-blocking. The only file of the front that makes socket calls.
///
/// It does not close itself: its owner calls `close()` once, after taking it out of the loop.
struct Socket {
  let descriptor: Int32

  enum Transfer {
    case bytes(Int)
    /// Nothing can be moved now.
    case wouldBlock
    /// The other side sent its last byte (reading), or the connection is gone.
    case ended
  }

  // MARK: Opening

  /// Listens on 127.0.0.1, which other machines cannot reach. Port 0 takes any free one.
  static func listen(port: UInt16) throws(SystemError) -> Socket {
    let subject = "127.0.0.1:\(port)"
    let descriptor = try SystemError.check(
      "socket", result: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | flags, 0), subject: subject)
    do {
      // A port that only waits out the last connections of an earlier run is free.
      try set(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor)
      var address = loopback(port)
      let result = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      try SystemError.check("bind", result: result, subject: subject)
      try SystemError.check("listen", result: Glibc.listen(descriptor, 4096), subject: subject)
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return Socket(descriptor: descriptor)
  }

  /// Begins a connection to a port of this machine; it is writable once it stands.
  static func connect(port: UInt16) throws(SystemError) -> Socket {
    let subject = "127.0.0.1:\(port)"
    let descriptor = try SystemError.check(
      "socket", result: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | flags, 0), subject: subject)
    var address = loopback(port)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 || errno == EINPROGRESS else {
      let error = SystemError("connect", subject: subject)
      Glibc.close(descriptor)
      throw error
    }
    return Socket(descriptor: descriptor)
  }

  /// The next connection that waits at a listening socket, or nil if none does.
  func accept() throws(SystemError) -> Socket? {
    while true {
      let accepted = Glibc.accept(descriptor, nil, nil)
      if accepted >= 0 {
        // Two calls where accept4 would be none, but Swift's Glibc hides that one. No other thread can spawn between.
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        // Small answers go out at once; a lost setting costs only time.
        try? Self.set(TCP_NODELAY, level: Int32(IPPROTO_TCP), of: accepted)
        return Socket(descriptor: accepted)
      }
      switch errno {
      case EAGAIN: return nil
      // The client has gone already.
      case EINTR, ECONNABORTED: continue
      default: throw SystemError("accept")
      }
    }
  }

  /// The port it is bound to.
  func port() throws(SystemError) -> UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    try SystemError.check("getsockname", result: result)
    return UInt16(bigEndian: address.sin_port)
  }

  private static let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    return address
  }

  private static func set(_ option: Int32, level: Int32, of descriptor: Int32) throws(SystemError) {
    var value: Int32 = 1
    let result = setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    try SystemError.check("setsockopt", result: result)
  }

  // MARK: Moving bytes

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
    while true {
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .ended }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      default: return .ended
      }
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
    while true {
      let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if count >= 0 { return .bytes(count) }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      default: return .ended
      }
    }
  }

  /// Says that nothing more will be written; what was written still arrives.
  func finishWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  func close() { Glibc.close(descriptor) }

  // MARK: Limits

  /// Raises the number of descriptors this process may open to what the system allows it: a connection is one.
  @discardableResult
  static func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return Int(clamping: limit.rlim_cur)
  }
}

/// What waits to be written to a socket, beyond what it took at once.
struct OutputBuffer {
  private var bytes: [UInt8] = []
  private var start = 0

  var count: Int { bytes.count - start }
  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

  /// Writes what the socket takes; false if the connection is gone.
  mutating func write(to socket: Socket) -> Bool {
    while start < bytes.count {
      let result = bytes.withUnsafeBytes { socket.write(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      switch result {
      case .bytes(let count): start += count
      case .wouldBlock:
        compact()
        return true
      case .ended: return false
      }
    }
    // Not kept: an idle connection holds no buffer.
    bytes = []
    start = 0
    return true
  }

  private mutating func compact() {
    guard start > 64 << 10, start > bytes.count / 2 else { return }
    bytes.removeFirst(start)
    start = 0
  }
}

/// Writes `bytes` at once if nothing waits before them; the rest goes to `output`. False if the connection is gone.
func write(_ bytes: UnsafeRawBufferPointer, to socket: Socket, behind output: inout OutputBuffer) -> Bool {
  guard output.isEmpty else {
    output.append(bytes)
    return true
  }
  switch socket.write(bytes) {
  case .bytes(let count) where count == bytes.count: return true
  case .bytes(let count):
    output.append(bytes[count...])
    return output.write(to: socket)
  case .wouldBlock:
    output.append(bytes)
    return true
  case .ended: return false
  }
}

/// One buffer that all connections of a loop read through.
final class ReadBuffer {
  private let storage: UnsafeMutableRawBufferPointer

  init(bytes: Int = 64 << 10) {
    storage = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 16)
  }

  deinit { storage.deallocate() }

  /// Reads once; what came is in `bytes` until the next read.
  func read(from socket: Socket) -> (result: Socket.Transfer, bytes: UnsafeRawBufferPointer) {
    let result = socket.read(into: storage)
    guard case .bytes(let count) = result else { return (result, UnsafeRawBufferPointer(start: nil, count: 0)) }
    return (result, UnsafeRawBufferPointer(rebasing: storage[..<count]))
  }

  var capacity: Int { storage.count }
}
