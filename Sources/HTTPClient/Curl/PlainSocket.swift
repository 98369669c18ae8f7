import Glibc

/// A socket that libcurl opened and that carries the caller's bytes as they are, without TLS and without a proxy.
enum PlainSocket {
  static func send(
    _ socket: Int32, bytes: [UInt8], from start: Int, url: HTTPURL
  ) throws(HTTPClientError) -> Connection.Transfer {
    let count = bytes.withUnsafeBytes {
      Glibc.send(socket, $0.baseAddress! + start, $0.count - start, Int32(MSG_NOSIGNAL))
    }
    return count > 0 ? .bytes(count) : try pause("send", url: url)
  }

  static func receive(
    _ socket: Int32, into buffer: inout [UInt8], url: HTTPURL
  ) throws(HTTPClientError) -> Connection.Transfer {
    let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
    if count == 0 { return .closed }
    return count > 0 ? .bytes(count) : try pause("receive", url: url)
  }

  private static func pause(_ tried: String, url: HTTPURL) throws(HTTPClientError) -> Connection.Transfer {
    let number = errno
    if number == EAGAIN || number == EINTR { return .wouldBlock }
    throw HTTPClientError(.closed, tried: tried, host: url.origin, message: String(cString: strerror(number)))
  }
}
