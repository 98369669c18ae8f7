/// Writes HTTP/1.1 heads (RFC 9112) into a byte array; does no I/O.
///
/// Targets and header values that come from outside must have passed `isSafe`: a space or a line break in one would
/// start something else. A target that has not is a fault of the caller and stops the program: what would go out is
/// another request than the one that was meant.
package enum HTTPWriter {
  /// `POST /path HTTP/1.1` and the headers, `Content-Length` of `body` last, then the body.
  package static func append(
    request method: StaticString, target: String, headers: [(name: String, value: String)], body: [UInt8]?,
    to bytes: inout [UInt8]
  ) {
    precondition(isSafe(target: target), "a request target with a space or a control character")
    append(method, to: &bytes)
    bytes.append(0x20)
    bytes.append(contentsOf: target.utf8)
    append(" HTTP/1.1\r\n", to: &bytes)
    append(fields: headers, body: body, to: &bytes)
  }

  /// `HTTP/1.1 200 OK` and the headers, `Content-Length` of `body` last, then the body. Without `body` no length is
  /// given: for 101, and for heads whose body follows in chunks.
  package static func append(
    response status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]?, to bytes: inout [UInt8]
  ) {
    append("HTTP/1.1 ", to: &bytes)
    append(decimal: status, to: &bytes)
    bytes.append(0x20)
    append(reason(status: status), to: &bytes)
    append("\r\n", to: &bytes)
    append(fields: headers, body: body, to: &bytes)
  }

  /// One chunk of a chunked body; an empty array writes nothing, since an empty chunk would end the body.
  package static func append(chunk: [UInt8], to bytes: inout [UInt8]) {
    guard !chunk.isEmpty else { return }
    bytes.append(contentsOf: String(chunk.count, radix: 16).utf8)
    append("\r\n", to: &bytes)
    bytes.append(contentsOf: chunk)
    append("\r\n", to: &bytes)
  }

  /// The end of a chunked body, with trailers.
  package static func append(
    lastChunkWithTrailers trailers: [(name: String, value: String)], to bytes: inout [UInt8]
  ) {
    append("0\r\n", to: &bytes)
    append(fields: trailers, body: nil, to: &bytes)
  }

  package static func append(_ text: StaticString, to bytes: inout [UInt8]) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  package static func append(decimal value: Int, to bytes: inout [UInt8]) {
    guard value >= 10 else { return bytes.append(UInt8(ascii: "0") + UInt8(value)) }
    append(decimal: value / 10, to: &bytes)
    bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
  }

  /// Whether a header value from outside can be written: no control characters but the tab.
  package static func isSafe(headerValue: String) -> Bool {
    headerValue.utf8.allSatisfy(ASCII.isText)
  }

  /// Whether a header name from outside can be written: a token (RFC 9110 section 5.1).
  package static func isSafe(headerName: String) -> Bool {
    !headerName.isEmpty && headerName.utf8.allSatisfy(ASCII.isToken)
  }

  /// Whether a field concerns one connection and how the body is framed on it, which is for whoever sends the message
  /// to say and for nobody before (RFC 9110 section 7.6.1).
  package static func isFraming(headerName: String) -> Bool { framingNames.contains(headerName.lowercased()) }

  private static let framingNames: Set<String> = [
    "connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
  ]

  /// Whether a request target can be written: printable ASCII without spaces, as `HTTPReader` takes it.
  package static func isSafe(target: String) -> Bool {
    !target.isEmpty && target.utf8.allSatisfy { 0x21...0x7E ~= $0 }
  }

  private static func append(
    fields: [(name: String, value: String)], body: [UInt8]?, to bytes: inout [UInt8]
  ) {
    for (name, value) in fields {
      bytes.append(contentsOf: name.utf8)
      append(": ", to: &bytes)
      bytes.append(contentsOf: value.utf8)
      append("\r\n", to: &bytes)
    }
    if let body {
      append("Content-Length: ", to: &bytes)
      append(decimal: body.count, to: &bytes)
      append("\r\n\r\n", to: &bytes)
      bytes.append(contentsOf: body)
    } else {
      append("\r\n", to: &bytes)
    }
  }

  /// The standard reason phrase (RFC 9110 section 15).
  package static func reason(status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}
