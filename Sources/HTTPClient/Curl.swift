import CCurl
import Glibc

// The border to libcurl: every call and every pointer of it is in this file.

/// An easy handle: one transfer, or one connection.
final class CurlEasy {
  typealias ResultCode = CURLcode
  fileprivate let handle: UnsafeMutableRawPointer
  /// In which multi handle it is, if in one.
  fileprivate var isAdded = false
  private let errorText: UnsafeMutablePointer<CChar>

  /// curl_global_init is not safe to call twice at once; a static is initialised once.
  private static let library: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL))

  init() throws(HTTPClientError) {
    guard Self.library == CURLE_OK, let handle = curl_easy_init() else {
      throw HTTPClientError(
        .other, code: Int(Self.library.rawValue), tried: "start", host: "libcurl", message: "out of memory")
    }
    self.handle = handle
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }

  deinit {
    curl_easy_cleanup(handle)
    errorText.deallocate()
  }

  // MARK: One request

  /// Sends the request and reads the answer; returns its status.
  func perform(_ request: HTTPRequest, into collector: ResponseCollector) throws(HTTPClientError) -> Int {
    try prepare(request.url, connectMilliseconds: request.connectMilliseconds)
    let tried = request.method
    let host = request.url.origin
    let list = try headerList(request)
    defer { curl_slist_free_all(list) }
    try check(curl_easy_set_list(handle, CURLOPT_HTTPHEADER, list), tried: tried, host: host)
    try set(CURLOPT_TIMEOUT_MS, request.totalMilliseconds, request.url)
    try setBody(request)
    try collect(collector, request.url)
    let result = withExtendedLifetime(collector) { curl_easy_perform(handle) }
    if result == CURLE_WRITE_ERROR {
      throw HTTPClientError(
        .answerTooLarge, code: Int(result.rawValue), tried: tried, host: host,
        message: "the answer is larger than \(request.maximumBodyBytes) bytes")
    }
    try check(result, tried: tried, host: host)
    var status = 0
    try check(curl_easy_get_long(handle, CURLINFO_RESPONSE_CODE, &status), tried: tried, host: host)
    return status
  }

  /// Forgets the options of the request before, keeps its connection.
  private func prepare(_ url: HTTPURL, connectMilliseconds: Int) throws(HTTPClientError) {
    curl_easy_reset(handle)
    errorText[0] = 0
    curl_easy_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    try set(CURLOPT_URL, url.text, url)
    try set(CURLOPT_PROTOCOLS_STR, "http,https", url)
    try set(CURLOPT_NOSIGNAL, 1, url)
    try set(CURLOPT_CONNECTTIMEOUT_MS, connectMilliseconds, url)
    // With HTTP/2 offered in the handshake, bytes of HTTP/1.1 would meet a server that speaks the other.
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1), url)
    try set(CURLOPT_SSL_ENABLE_ALPN, 0, url)
    if url.isNeverProxied { try set(CURLOPT_PROXY, "", url) }
  }

  private func headerList(_ request: HTTPRequest) throws(HTTPClientError) -> UnsafeMutablePointer<curl_slist>? {
    var list: UnsafeMutablePointer<curl_slist>?
    // Without these two lines libcurl adds headers of its own: a wait for 100, and a form's content type.
    var lines = ["Expect:"]
    if !request.headers.contains(where: { $0.name.lowercased() == "content-type" }) { lines.append("Content-Type:") }
    // An empty value is written with a semicolon: with a colon it would remove the header.
    lines += request.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
    for line in lines {
      guard let longer = curl_slist_append(list, line) else {
        curl_slist_free_all(list)
        throw HTTPClientError(.other, tried: request.method, host: request.url.origin, message: "out of memory")
      }
      list = longer
    }
    return list
  }

  private func setBody(_ request: HTTPRequest) throws(HTTPClientError) {
    if request.method == "HEAD" { return try set(CURLOPT_NOBODY, 1, request.url) }
    if let body = request.body {
      try check(
        curl_easy_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)), tried: request.method,
        host: request.url.origin)
      let code = body.withUnsafeBytes { bytes in
        // No address stands for an empty body; libcurl would then read one from standard input.
        curl_easy_set_pointer(
          handle, CURLOPT_COPYPOSTFIELDS,
          UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(handle)))
      }
      try check(code, tried: request.method, host: request.url.origin)
    }
    try set(CURLOPT_CUSTOMREQUEST, request.method, request.url)
  }

  /// The callbacks capture nothing and never throw; the collector is kept alive by the caller of curl_easy_perform.
  private func collect(_ collector: ResponseCollector, _ url: HTTPURL) throws(HTTPClientError) {
    let context = Unmanaged.passUnretained(collector).toOpaque()
    let onHead: curl_write_callback = { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
      Unmanaged<ResponseCollector>.fromOpaque(context).takeUnretainedValue().addHeadLine(
        String(decoding: line, as: UTF8.self))
      return size * count
    }
    let onBody: curl_write_callback = { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
      return Unmanaged<ResponseCollector>.fromOpaque(context).takeUnretainedValue().addBody(piece) ? size * count : 0
    }
    for code in [
      curl_easy_set_writer(handle, CURLOPT_HEADERFUNCTION, onHead),
      curl_easy_set_pointer(handle, CURLOPT_HEADERDATA, context),
      curl_easy_set_writer(handle, CURLOPT_WRITEFUNCTION, onBody),
      curl_easy_set_pointer(handle, CURLOPT_WRITEDATA, context),
    ] {
      try check(code, tried: "set up", host: url.origin)
    }
  }

  // MARK: One connection

  /// Only connects: the bytes are the caller's, through `send` and `receive`.
  func prepareToConnect(_ url: HTTPURL, connectMilliseconds: Int) throws(HTTPClientError) {
    try prepare(url, connectMilliseconds: connectMilliseconds)
    try set(CURLOPT_CONNECT_ONLY, 1, url)
    try set(CURLOPT_FRESH_CONNECT, 1, url)
    try set(CURLOPT_HTTPPROXYTUNNEL, 1, url)
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
  func claimConnection(_ url: HTTPURL) throws(HTTPClientError) {
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

  // MARK: Options and errors

  private func set(_ option: CURLoption, _ value: Int, _ url: HTTPURL) throws(HTTPClientError) {
    try check(curl_easy_set_long(handle, option, value), tried: "set up", host: url.origin)
  }

  private func set(_ option: CURLoption, _ value: String, _ url: HTTPURL) throws(HTTPClientError) {
    try check(curl_easy_set_text(handle, option, value), tried: "set up", host: url.origin)
  }

  func check(_ code: CURLcode, tried: String, host: String) throws(HTTPClientError) {
    guard code != CURLE_OK else { return }
    throw failure(code, tried: tried, host: host)
  }

  private func failure(_ code: CURLcode, tried: String, host: String) -> HTTPClientError {
    let said = String(cString: errorText)
    errorText[0] = 0
    return HTTPClientError(
      Self.kind(code), code: Int(code.rawValue), tried: tried, host: host,
      message: said.isEmpty ? String(cString: curl_easy_strerror(code)) : said)
  }

  private static func kind(_ code: CURLcode) -> HTTPClientError.Kind {
    switch code {
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .nameNotResolved
    case CURLE_COULDNT_CONNECT: .notConnected
    case CURLE_OPERATION_TIMEDOUT: .timedOut
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM: .tls
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE: .closed
    default: .other
    }
  }

  fileprivate func share(_ share: UnsafeMutableRawPointer) -> CURLcode { curl_easy_set_share(handle, share) }
}

/// A multi handle, with what its connections share.
final class CurlMulti {
  private let handle: UnsafeMutableRawPointer
  private let share: UnsafeMutableRawPointer
  private var members: [UnsafeMutableRawPointer: CurlEasy] = [:]

  init() throws(HTTPClientError) {
    guard let handle = curl_multi_init() else { throw Self.outOfMemory }
    guard let share = curl_share_init() else {
      curl_multi_cleanup(handle)
      throw Self.outOfMemory
    }
    self.handle = handle
    self.share = share
    curl_share_set_shared(share, CURL_LOCK_DATA_SSL_SESSION)
    // Kept connections count as idle ones to libcurl, which by default keeps four a handle and closes the oldest.
    curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 65_536)
  }

  deinit {
    for easy in members.values { curl_multi_remove_handle(handle, easy.handle) }
    members = [:]
    curl_multi_cleanup(handle)
    curl_share_cleanup(share)
  }

  private static var outOfMemory: HTTPClientError {
    HTTPClientError(.other, tried: "start", host: "libcurl", message: "out of memory")
  }

  func add(_ easy: CurlEasy, url: HTTPURL) throws(HTTPClientError) {
    try easy.check(easy.share(share), tried: "connect", host: url.origin)
    let code = curl_multi_add_handle(handle, easy.handle)
    guard code == CURLM_OK else {
      throw HTTPClientError(
        .other, code: Int(code.rawValue), tried: "connect", host: url.origin,
        message: String(cString: curl_multi_strerror(code)))
    }
    easy.isAdded = true
    members[easy.handle] = easy
  }

  /// Closes the handle's connection. Does nothing the second time.
  func remove(_ easy: CurlEasy) {
    guard easy.isAdded else { return }
    easy.isAdded = false
    curl_multi_remove_handle(handle, easy.handle)
    members[easy.handle] = nil
  }

  /// Moves every transfer on without waiting; returns those that ended, and how.
  func progress() -> [(easy: CurlEasy, code: CURLcode)] {
    var running: Int32 = 0
    curl_multi_perform(handle, &running)
    var ended: [(easy: CurlEasy, code: CURLcode)] = []
    var left: Int32 = 0
    while let message = curl_multi_info_read(handle, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = members[message.pointee.easy_handle] else { continue }
      ended.append((easy, curl_message_result(message)))
    }
    return ended
  }

  /// Waits for any of its sockets, or for `descriptor` to become readable.
  func wait(milliseconds: Int, besides descriptor: Int32?) {
    var ready: Int32 = 0
    if let descriptor {
      var besides = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
      curl_multi_poll(handle, &besides, 1, Int32(clamping: milliseconds), &ready)
    } else {
      curl_multi_poll(handle, nil, 0, Int32(clamping: milliseconds), &ready)
    }
  }
}

/// A socket that libcurl opened and that carries the caller's bytes as they are, without TLS and without a proxy.
enum PlainSocket {
  static func send(
    _ socket: Int32, _ bytes: [UInt8], from start: Int, url: HTTPURL
  ) throws(HTTPClientError) -> Connection.Transfer {
    let count = bytes.withUnsafeBytes {
      Glibc.send(socket, $0.baseAddress! + start, $0.count - start, Int32(MSG_NOSIGNAL))
    }
    return count > 0 ? .bytes(count) : try pause("send", url)
  }

  static func receive(
    _ socket: Int32, into buffer: inout [UInt8], url: HTTPURL
  ) throws(HTTPClientError) -> Connection.Transfer {
    let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
    if count == 0 { return .closed }
    return count > 0 ? .bytes(count) : try pause("receive", url)
  }

  private static func pause(_ tried: String, _ url: HTTPURL) throws(HTTPClientError) -> Connection.Transfer {
    let number = errno
    if number == EAGAIN || number == EINTR { return .wouldBlock }
    throw HTTPClientError(.closed, tried: tried, host: url.origin, message: String(cString: strerror(number)))
  }
}
