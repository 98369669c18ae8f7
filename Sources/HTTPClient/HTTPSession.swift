/// Sends requests one after another and waits for each answer; keeps the connection for the next request.
///
///     let session = try HTTPSession()
///     let answer = try session.send(HTTPRequest(url: HTTPURL("http://127.0.0.1:8000/")))
///     answer.status, answer.header("content-type"), answer.body
package final class HTTPSession {
  private let easy: CurlEasy

  /// Fails only when libcurl cannot start.
  package init(tls: TLSOptions = .standard) throws(HTTPClientError) { easy = try CurlEasy(tls) }

  /// Speaks HTTP/1.1, follows no redirect, retries nothing.
  package func send(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    try request.validate()
    let collector = ResponseCollector(maximumBodyBytes: request.maximumBodyBytes)
    let status = try easy.perform(request, into: collector)
    return HTTPResponse(status: status, headers: collector.headers, body: collector.body)
  }
}

/// What libcurl hands over while an answer arrives.
final class ResponseCollector {
  private(set) var headers: [(name: String, value: String)] = []
  private(set) var body: [UInt8] = []
  private let maximumBodyBytes: Int

  init(maximumBodyBytes: Int) { self.maximumBodyBytes = maximumBodyBytes }

  /// A line of the head with its line break. A new status line begins a new head: an interim answer (100) came first.
  func addHeadLine(_ line: String) {
    if line.hasPrefix("HTTP/") { return headers.removeAll() }
    guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return }
    headers.append((String(line[..<colon]), Self.trimmed(line[line.index(after: colon)...])))
  }

  /// False once the body would be larger than allowed.
  func addBody(_ bytes: some Collection<UInt8>) -> Bool {
    guard body.count + bytes.count <= maximumBodyBytes else { return false }
    body.append(contentsOf: bytes)
    return true
  }

  private static func trimmed(_ text: Substring) -> String {
    var bytes = text.utf8
    while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
    while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
    return String(Substring(bytes))
  }
}
