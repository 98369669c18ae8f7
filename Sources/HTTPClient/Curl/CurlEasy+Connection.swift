import CCurl

/// One connection, whose bytes are the caller's.
extension CurlEasy {
  /// Only connects: the bytes are the caller's, through `send` and `receive`.
  func prepareToConnect(url: HTTPURL, connectMilliseconds: Int) throws(HTTPClientError) {
    try prepare(url: url, connectMilliseconds: connectMilliseconds)
    try set(CURLOPT_CONNECT_ONLY, value: 1, url: url)
    try set(CURLOPT_FRESH_CONNECT, value: 1, url: url)
    try set(CURLOPT_HTTPPROXYTUNNEL, value: 1, url: url)
  }

  func activeSocket(of url: HTTPURL) throws(HTTPClientError) -> Int32 {
    var socket: curl_socket_t = -1
    try check(curl_easy_get_socket(handle, &socket), tried: "connect", host: url.origin)
    guard socket >= 0 else {
      throw HTTPClientError(.closed, tried: "connect", host: url.origin, message: "closed at once")
    }
    return socket
  }

  /// Ties the connection to this handle: libcurl 7.88 does that at the first send or receive, and until then may close
  /// it as idle when it opens another one.
  func claimConnection(url: HTTPURL) throws(HTTPClientError) {
    var byte: UInt8 = 0
    var count = 0
    let code = curl_easy_recv(handle, &byte, 1, &count)
    if code == CURLE_AGAIN { return }
    try check(code, tried: "connect", host: url.origin)
    throw HTTPClientError(
      .closed, tried: "connect", host: url.origin,
      message: count == 0 ? "closed at once" : "the server spoke before it was asked")
  }

  func send(_ bytes: [UInt8], from start: Int, url: HTTPURL) throws(HTTPClientError) -> Connection.Transfer {
    var count = 0
    let code = bytes.withUnsafeBytes { curl_easy_send(handle, $0.baseAddress! + start, $0.count - start, &count) }
    if code == CURLE_OK, count > 0 { return .bytes(count) }
    if code == CURLE_OK || code == CURLE_AGAIN { return .wouldBlock }
    throw failure(code, tried: "send", host: url.origin)
  }

  func receive(into buffer: inout [UInt8], url: HTTPURL) throws(HTTPClientError) -> Connection.Transfer {
    var count = 0
    let code = buffer.withUnsafeMutableBytes { curl_easy_recv(handle, $0.baseAddress, $0.count, &count) }
    if code == CURLE_OK { return count == 0 ? .closed : .bytes(count) }
    if code == CURLE_AGAIN { return .wouldBlock }
    throw failure(code, tried: "receive", host: url.origin)
  }
}
