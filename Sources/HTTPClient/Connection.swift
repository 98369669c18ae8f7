/// A byte stream to an HTTP server: names, TCP, TLS, certificates and proxies are libcurl's, the bytes are the
/// caller's.
///
/// Never waits. Opened by a `Dialer`, and closed when it is let go.
package final class Connection {
  package enum Transfer: Equatable {
    /// That many bytes, at least one.
    case bytes(Int)
    /// Nothing can be moved now: wait until `descriptor` is ready.
    case wouldBlock
    /// The other side has sent all it will send. Only from `receive`.
    case closed
  }

  package let url: HTTPURL
  /// The socket, to wait on and for nothing else. With TLS, bytes may be waiting inside libcurl while the socket is
  /// silent: `receive` until `wouldBlock` before waiting.
  package let descriptor: Int32
  private let easy: CurlEasy
  private let dialer: CurlMulti

  /// Without TLS, to this machine and so without a proxy, the socket is the stream itself. libcurl would look for the
  /// handle's connection among all it has at each send and receive, a sixth of what a small post costs.
  private let isPlain: Bool

  init(url: HTTPURL, easy: CurlEasy, dialer: CurlMulti, throughLibcurl: Bool) throws(HTTPClientError) {
    self.url = url
    self.easy = easy
    self.dialer = dialer
    isPlain = !throughLibcurl && !url.isSecure && url.isLoopback
    descriptor = try easy.activeSocket(of: url)
  }

  deinit { close() }

  /// Closes the socket; nothing may be sent or received afterwards.
  package func close() { dialer.remove(easy) }

  /// Sends bytes from `start` on; after a short send, and after `wouldBlock`, repeat with the same array and the new
  /// start (TLS has begun a record of them).
  package func send(_ bytes: [UInt8], from start: Int = 0) throws(HTTPClientError) -> Transfer {
    isPlain
      ? try PlainSocket.send(descriptor, bytes: bytes, from: start, url: url)
      : try easy.send(bytes, from: start, url: url)
  }

  /// Receives into the front of `buffer`, at most as many bytes as it has.
  package func receive(into buffer: inout [UInt8]) throws(HTTPClientError) -> Transfer {
    isPlain
      ? try PlainSocket.receive(descriptor, into: &buffer, url: url) : try easy.receive(into: &buffer, url: url)
  }
}
