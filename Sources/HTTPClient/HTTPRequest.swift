/// One request over libcurl's ordinary interface.
package struct HTTPRequest: Sendable {
  package var method: String
  package var url: HTTPURL
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]?
  /// Until the connection stands, handshake included.
  package var connectMilliseconds: Int
  /// Until the whole answer is read; 0 is no bound.
  package var totalMilliseconds: Int
  package var maximumBodyBytes: Int
  /// Sent over a new connection. Over a kept one that breaks before an answer libcurl sends a request again by itself,
  /// a POST too, though the first one may have taken effect.
  package var isSentOnce: Bool

  package init(
    method: String = "GET", url: HTTPURL, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
    connectMilliseconds: Int = 3_000, totalMilliseconds: Int = 30_000, maximumBodyBytes: Int = 8 << 20,
    isSentOnce: Bool = false
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
    self.connectMilliseconds = connectMilliseconds
    self.totalMilliseconds = totalMilliseconds
    self.maximumBodyBytes = maximumBodyBytes
    self.isSentOnce = isSentOnce
  }

  /// Refuses what would break out of its line: a line break in a header starts another one.
  func validate() throws(HTTPClientError) {
    guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
      throw refused("not a method: capital letters only")
    }
    for (name, value) in headers {
      guard !name.isEmpty, name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }) else {
        throw refused("not a header name")
      }
      guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
        throw refused("a control character in the header \(name)")
      }
    }
  }

  private func refused(_ reason: String) -> HTTPClientError {
    HTTPClientError(.invalidRequest, tried: "request", host: url.origin, message: reason)
  }
}

/// An answer as it came: no redirect was followed, and a status of 400 and above is an answer too.
package struct HTTPResponse: Sendable {
  package let status: Int
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]

  /// The value of the first field of that name (any case), or nil.
  package func header(_ name: String) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
  }
}
