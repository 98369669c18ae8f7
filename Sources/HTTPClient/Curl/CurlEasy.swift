import CCurl

// The border to libcurl: every call and every pointer of it is in the files of this folder.

/// An easy handle: one transfer, or one connection.
final class CurlEasy {
  typealias ResultCode = CURLcode
  let handle: UnsafeMutableRawPointer
  /// In which multi handle it is, if in one.
  var isAdded = false
  /// Of the request at hand; libcurl keeps no copy.
  var headerLines: UnsafeMutablePointer<curl_slist>?
  let errorText: UnsafeMutablePointer<CChar>

  /// curl_global_init is not safe to call twice at once; a static is initialised once.
  private static let library: CURLcode = curl_global_init(Int(CURL_GLOBAL_SSL))

  private let tls: TLSOptions

  init(_ tls: TLSOptions) throws(HTTPClientError) {
    self.tls = tls
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
    curl_slist_free_all(headerLines)
    errorText.deallocate()
  }

  /// Forgets the options of the request before, keeps its connection.
  func prepare(url: HTTPURL, connectMilliseconds: Int) throws(HTTPClientError) {
    curl_easy_reset(handle)
    errorText[0] = 0
    curl_easy_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    try set(CURLOPT_URL, value: url.text, url: url)
    try set(CURLOPT_PROTOCOLS_STR, value: "http,https", url: url)
    try set(CURLOPT_NOSIGNAL, value: 1, url: url)
    try set(CURLOPT_CONNECTTIMEOUT_MS, value: connectMilliseconds, url: url)
    // With HTTP/2 offered in the handshake, bytes of HTTP/1.1 would meet a server that speaks the other.
    try set(CURLOPT_HTTP_VERSION, value: Int(CURL_HTTP_VERSION_1_1), url: url)
    try set(CURLOPT_SSL_ENABLE_ALPN, value: 0, url: url)
    if url.isNeverProxied { try set(CURLOPT_PROXY, value: "", url: url) }
    if url.isSecure { try trust(url: url) }
  }

  /// libcurl keeps the parsed roots of a multi handle (`CURLOPT_CA_CACHE_TIMEOUT`, a day), but only where it has one
  /// file of them: Debian's build also names a folder.
  private func trust(url: HTTPURL) throws(HTTPClientError) {
    try set(CURLOPT_SSLVERSION, value: Int(CURL_SSLVERSION_TLSv1_2), url: url)
    guard let file = tls.rootsFile else { return }
    try set(CURLOPT_CAINFO, value: file, url: url)
    try check(curl_easy_set_text(handle, CURLOPT_CAPATH, nil), tried: "set up", host: url.origin)
  }

  // MARK: Options and errors

  func set(_ option: CURLoption, value: Int, url: HTTPURL) throws(HTTPClientError) {
    try check(curl_easy_set_long(handle, option, value), tried: "set up", host: url.origin)
  }

  func set(_ option: CURLoption, value: String, url: HTTPURL) throws(HTTPClientError) {
    try check(curl_easy_set_text(handle, option, value), tried: "set up", host: url.origin)
  }

  func check(_ code: CURLcode, tried: String, host: String) throws(HTTPClientError) {
    guard code != CURLE_OK else { return }
    throw failure(code, tried: tried, host: host)
  }

  func failure(_ code: CURLcode, tried: String, host: String) -> HTTPClientError {
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
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
      .tls
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE: .closed
    default: .other
    }
  }

  func share(_ share: UnsafeMutableRawPointer?) -> CURLcode { curl_easy_set_share(handle, share) }
}
