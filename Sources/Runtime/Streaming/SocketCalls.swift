import Glibc

/// The C library's calls on sockets that do not block: a value, so that a test can put its own in their place.
///
/// What they return is the C library's, but minus `errno` where a call failed.
struct SocketCalls {
  /// A descriptor whose connection to the address is made or being made.
  var connect: (SocketAddress) -> Int32
  var send: (_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int
  var receive: (_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int
  var close: (_ descriptor: Int32) -> Void
  /// Waits until an entry is ready, but no longer than that; without an end if it is negative.
  var poll: (_ entries: inout [PollEntry], _ milliseconds: Int32) -> Void

  static let wouldBlock = Int(-EAGAIN)

  static var system: SocketCalls {
    SocketCalls(
      connect: connect,
      // MSG_NOSIGNAL: a closed connection is an error here, not a SIGPIPE that ends the process.
      send: { descriptor, bytes in
        result { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
      },
      receive: { descriptor, buffer in result { recv(descriptor, buffer.baseAddress, buffer.count, 0) } },
      close: { _ = Glibc.close($0) },
      // A signal ends the wait; the loop waits again.
      poll: { entries, milliseconds in
        if Glibc.poll(&entries, nfds_t(entries.count), milliseconds) < 0 {
          for index in entries.indices { entries[index].revents = 0 }
        }
      })
  }

  private static func connect(to address: SocketAddress) -> Int32 {
    let kind = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    let descriptor = socket(AF_INET, Int32(kind), 0)
    guard descriptor >= 0 else { return -errno }
    guard Socket.connect(descriptor: descriptor, to: address) || errno == EINPROGRESS else {
      let number = errno
      Glibc.close(descriptor)
      return -number
    }
    var on: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  private static func result(_ call: () -> Int) -> Int {
    let count = retryingInterrupted(call)
    return count < 0 ? Int(-errno) : count
  }

  /// How many descriptors the process may have open.
  static var maximumDescriptors: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    return Int(min(limit.rlim_cur, 1 << 20))
  }
}

typealias PollEntry = pollfd

extension PollEntry {
  /// Asks about input, and about room to send in. A negative descriptor is passed over.
  init(descriptor: Int32, sends: Bool) {
    self.init(fd: descriptor, events: Int16(sends ? POLLIN | POLLOUT : POLLIN), revents: 0)
  }

  var isReady: Bool { revents != 0 }
  /// Bytes, the end of the connection, or what became of it.
  var hasInput: Bool { revents & ~Int16(POLLOUT) != 0 }
  var hasRoom: Bool { revents & Int16(POLLOUT) != 0 }
}
