import CCurl

/// One request over libcurl's ordinary interface.
extension CurlEasy {
  /// Takes the request over; what comes goes to the collector, which has to live until `finish`.
  func begin(_ request: HTTPRequest, into collector: ResponseCollector) throws(HTTPClientError) {
    try prepare(url: request.url, connectMilliseconds: request.connectMilliseconds)
    curl_slist_free_all(headerLines)
    headerLines = nil
    headerLines = try headerList(request)
    try check(
      curl_easy_set_list(handle, CURLOPT_HTTPHEADER, headerLines), tried: request.method, host: request.url.origin)
    try set(CURLOPT_TIMEOUT_MS, value: request.totalMilliseconds, url: request.url)
    if request.isSentOnce { try set(CURLOPT_FRESH_CONNECT, value: 1, url: request.url) }
    try setBody(request)
    try collect(collector, url: request.url)
  }

  /// The status of the answer, when the transfer has ended with this code.
  func finish(_ request: HTTPRequest, code: ResultCode) throws(HTTPClientError) -> Int {
    let tried = request.method
    let host = request.url.origin
    if code == CURLE_WRITE_ERROR {
      throw HTTPClientError(
        .answerTooLarge, code: Int(code.rawValue), tried: tried, host: host,
        message: "the answer is larger than \(request.maximumBodyBytes) bytes")
    }
    try check(code, tried: tried, host: host)
    var status = 0
    try check(curl_easy_get_long(handle, CURLINFO_RESPONSE_CODE, &status), tried: tried, host: host)
    return status
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
    if request.method == "HEAD" { return try set(CURLOPT_NOBODY, value: 1, url: request.url) }
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
    try set(CURLOPT_CUSTOMREQUEST, value: request.method, url: request.url)
  }

  /// The callbacks capture nothing and never throw; the collector is kept alive by the caller of `begin`.
  private func collect(_ collector: ResponseCollector, url: HTTPURL) throws(HTTPClientError) {
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
}
