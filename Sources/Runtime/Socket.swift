import Glibc

/// Where the Runtime API listens, from `AWS_LAMBDA_RUNTIME_API`: `127.0.0.1:9001`.
///
/// Names are not looked up: Lambda gives an address, and a static binary has no resolver.
struct SocketAddress: Equatable {
  /// The text it was read from, as the `Host` header wants it.
  let text: String
  /// IPv4, in network byte order.
  let host: UInt32
  let port: UInt16

  init(_ text: String) throws(SocketError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var address = in_addr()
    guard parts.count == 2, let port = UInt16(parts[1]), port > 0,
      inet_pton(AF_INET, parts[0] == "localhost" ? "127.0.0.1" : String(parts[0]), &address) == 1
    else { throw SocketError(call: "read the address", subject: text, number: EINVAL) }
    self.text = text
    self.host = address.s_addr
    self.port = port
  }
}

/// A system call on a socket that failed: which, on what, and errno with its words.
struct SocketError: Error, Equatable, CustomStringConvertible {
  let call: String
  let subject: String
  let number: Int32

  var description: String { "\(call) \(subject): \(String(cString: strerror(number))) (\(number))" }
}

/// A blocking TCP connection. It has no timeouts: Lambda freezes the process while it waits for an event.
///
/// With `TraceVariable` and `SocketCalls`, this is where the module meets the C library.
final class Socket {
  private let descriptor: Int32
  private let address: SocketAddress

  init(connectedTo address: SocketAddress) throws(SocketError) {
    func failed(_ call: String) -> SocketError { SocketError(call: call, subject: address.text, number: errno) }
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.address = address
    guard descriptor >= 0 else { throw failed("open a socket to") }
    guard Self.connect(descriptor: descriptor, to: address) else { throw failed("connect to") }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Hands all bytes to the kernel, in one call unless it takes fewer.
  func send(_ bytes: [UInt8]) throws(SocketError) {
    var sent = 0
    while sent < bytes.count {
      // MSG_NOSIGNAL: a closed connection is an error here, not a SIGPIPE that ends the process.
      let count = retryingInterrupted {
        bytes.withUnsafeBytes {
          Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
        }
      }
      guard count >= 0 else { throw SocketError(call: "send to", subject: address.text, number: errno) }
      sent += count
    }
  }

  /// Waits for bytes and fills the front of `buffer` with them; returns how many, 0 if the other side has closed.
  func receive(into buffer: inout [UInt8]) throws(SocketError) -> Int {
    let count = retryingInterrupted { buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) } }
    guard count >= 0 else { throw SocketError(call: "receive from", subject: address.text, number: errno) }
    return count
  }

  /// False, with errno set, if it failed, or if the socket does not block and the connection is still being made.
  static func connect(descriptor: Int32, to address: SocketAddress) -> Bool {
    var destination = sockaddr_in()
    destination.sin_family = sa_family_t(AF_INET)
    destination.sin_port = address.port.bigEndian
    destination.sin_addr.s_addr = address.host
    let result = withUnsafeBytes(of: &destination) { bytes in
      Glibc.connect(
        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<sockaddr_in>.size)
      )
    }
    return result == 0 || errno == EINTR && finishesConnecting(descriptor: descriptor)
  }

  /// A `connect` that a signal interrupted goes on by itself and must not be called again.
  private static func finishesConnecting(descriptor: Int32) -> Bool {
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard retryingInterrupted({ Int(Glibc.poll(&poll, 1, -1)) }) == 1 else { return false }
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
    errno = failure
    return failure == 0
  }
}

/// Calls again as long as a signal interrupts it.
func retryingInterrupted(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
