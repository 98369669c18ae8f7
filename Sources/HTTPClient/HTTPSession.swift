package import Telemetry

/// Sends requests and waits for their answers; keeps the connections for the next ones.
///
///     let session = try HTTPSession()
///     let answer = try session.send(HTTPRequest(url: HTTPURL("http://127.0.0.1:8000/")))
///     answer.status, answer.header("content-type"), answer.body
///
/// Speaks HTTP/1.1, follows no redirect, retries nothing.
package final class HTTPSession {
  private typealias Transfer = (position: Int, easy: CurlEasy, request: HTTPRequest, collector: ResponseCollector)

  /// How long an answer is still waited for after the signal to stop.
  fileprivate static let graceMilliseconds: Int64 = 3_000

  private let tls: TLSOptions
  private let signalDescriptor: Int32?
  private let clock: Clock
  private let multi: CurlMulti
  /// Handles between two requests.
  private var spare: [CurlEasy] = []

  /// Fails only when libcurl cannot start. `signalDescriptor`: once it is readable, answers that have not
  /// come within three seconds are waited for no longer.
  package init(
    tls: TLSOptions = .standard, signalDescriptor: Int32? = nil, clock: Clock = .system
  ) throws(HTTPClientError) {
    self.tls = tls
    self.signalDescriptor = signalDescriptor
    self.clock = clock
    multi = try CurlMulti()
  }

  package func send(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
    try send([request])[0].get()
  }

  /// Sends all of them at once, each over a connection of its own, and waits until all have ended; the outcomes are in
  /// the order of the requests.
  package func send(_ requests: [HTTPRequest]) -> [Result<HTTPResponse, HTTPClientError>] {
    var outcomes = [Result<HTTPResponse, HTTPClientError>?](repeating: nil, count: requests.count)
    var transfers: [Transfer] = []
    for (position, request) in requests.enumerated() {
      do throws(HTTPClientError) {
        transfers.append(try begin(request, position: position))
      } catch {
        outcomes[position] = .failure(error)
      }
    }
    var timeout = TransferTimeout(signalDescriptor: signalDescriptor, clock: clock)
    while !transfers.isEmpty {
      for (easy, code) in multi.progress() {
        guard let index = transfers.firstIndex(where: { $0.easy === easy }) else { continue }
        let transfer = transfers.remove(at: index)
        outcomes[transfer.position] = finish(transfer, code: code)
      }
      guard !transfers.isEmpty else { break }
      if multi.wait(milliseconds: 1_000, besides: timeout.descriptor) { timeout.interrupt() }
      guard timeout.hasEnded else { continue }
      for transfer in transfers { outcomes[transfer.position] = .failure(abandon(transfer)) }
      transfers = []
    }
    return outcomes.compactMap { $0 }
  }

  private func begin(_ request: HTTPRequest, position: Int) throws(HTTPClientError) -> Transfer {
    try request.validate()
    let collector = ResponseCollector(maximumBodyBytes: request.maximumBodyBytes)
    let easy = try spareHandle()
    try easy.begin(request, into: collector)
    try multi.add(easy, url: request.url)
    return (position, easy, request, collector)
  }

  private func spareHandle() throws(HTTPClientError) -> CurlEasy {
    if let easy = spare.popLast() { return easy }
    return try CurlEasy(tls)
  }

  /// The connection goes too: what comes over it now is nobody's answer.
  private func abandon(_ transfer: Transfer) -> HTTPClientError {
    multi.remove(transfer.easy)
    return HTTPClientError(
      .other, tried: transfer.request.method, host: transfer.request.url.origin,
      message: "the signal to stop came before the answer")
  }

  private func finish(
    _ transfer: Transfer, code: CurlEasy.ResultCode
  ) -> Result<HTTPResponse, HTTPClientError> {
    defer {
      multi.remove(transfer.easy)
      spare.append(transfer.easy)
    }
    do throws(HTTPClientError) {
      let status = try transfer.easy.finish(transfer.request, code: code)
      return .success(
        HTTPResponse(status: status, headers: transfer.collector.headers, body: transfer.collector.body))
    } catch {
      return .failure(error)
    }
  }
}

/// Until when answers are waited for: for ever, or for a while after the signal to stop.
private struct TransferTimeout {
  private let signalDescriptor: Int32?
  private let clock: Clock
  private var end: Int64?

  init(signalDescriptor: Int32?, clock: Clock) {
    self.signalDescriptor = signalDescriptor
    self.clock = clock
  }

  /// What to wake up for; it stays readable, so once is enough.
  var descriptor: Int32? { end == nil ? signalDescriptor : nil }

  mutating func interrupt() { end = end ?? clock.monotonicMilliseconds() + HTTPSession.graceMilliseconds }

  var hasEnded: Bool { end.map { clock.monotonicMilliseconds() >= $0 } ?? false }
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
