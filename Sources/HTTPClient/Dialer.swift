/// Opens connections, several at a time: one libcurl multi handle, so that names, TLS sessions and the certificate
/// store are shared between all connections it has opened.
package final class Dialer {
  /// Names a connection that is being opened.
  package struct Ticket: Hashable, Sendable { fileprivate let number: Int }

  package enum Outcome {
    case opened(Connection)
    case failed(HTTPClientError)
  }

  private let multi: CurlMulti
  private let throughLibcurl: Bool
  private let tls: TLSOptions
  private var opening: [(ticket: Ticket, url: HTTPURL, easy: CurlEasy)] = []
  /// How others ended while `open` waited for its own.
  private var unreported: [(ticket: Ticket, outcome: Outcome)] = []
  private var ticketsMade = 0

  /// `throughLibcurl` sends and receives through libcurl also where the socket itself would do.
  package init(throughLibcurl: Bool = false, tls: TLSOptions = .standard) throws(HTTPClientError) {
    self.throughLibcurl = throughLibcurl
    self.tls = tls
    multi = try CurlMulti()
  }

  deinit { for dial in opening { multi.remove(dial.easy) } }

  /// How many connections are being opened.
  package var openingCount: Int { opening.count }

  /// Opens a connection and waits for it, handshake included.
  package func open(url: HTTPURL, connectMilliseconds: Int = 3_000) throws(HTTPClientError) -> Connection {
    let mine = try begin(url: url, connectMilliseconds: connectMilliseconds)
    var others: [(ticket: Ticket, outcome: Outcome)] = []
    defer { unreported += others }
    while true {
      others += poll(milliseconds: 1_000, besides: nil)
      guard let index = others.firstIndex(where: { $0.ticket == mine }) else { continue }
      switch others.remove(at: index).outcome {
      case .opened(let connection): return connection
      case .failed(let error): throw error
      }
    }
  }

  /// Begins to open a connection; `poll` tells how it ended.
  package func begin(url: HTTPURL, connectMilliseconds: Int = 3_000) throws(HTTPClientError) -> Ticket {
    let easy = try CurlEasy(tls)
    try easy.prepareToConnect(url: url, connectMilliseconds: connectMilliseconds)
    try multi.add(easy, url: url)
    ticketsMade += 1
    opening.append((Ticket(number: ticketsMade), url, easy))
    return Ticket(number: ticketsMade)
  }

  /// Goes on opening; waits at most so long for news, also for the descriptor `besides` to become readable (an epoll
  /// descriptor stands for all of its set).
  package func poll(milliseconds: Int, besides descriptor: Int32?) -> [(ticket: Ticket, outcome: Outcome)] {
    var ended = end()
    if ended.isEmpty, milliseconds > 0 {
      multi.wait(milliseconds: milliseconds, besides: descriptor)
      ended = end()
    }
    return ended
  }

  private func end() -> [(ticket: Ticket, outcome: Outcome)] {
    var ended = unreported
    unreported = []
    for (easy, code) in multi.progress() {
      guard let index = opening.firstIndex(where: { $0.easy === easy }) else { continue }
      let dial = opening.remove(at: index)
      ended.append((dial.ticket, finish(dial.easy, url: dial.url, code: code)))
    }
    return ended
  }

  private func finish(_ easy: CurlEasy, url: HTTPURL, code: CurlEasy.ResultCode) -> Outcome {
    do throws(HTTPClientError) {
      try easy.check(code, tried: "connect", host: url.origin)
      let connection = try Connection(url: url, easy: easy, dialer: multi, throughLibcurl: throughLibcurl)
      try easy.claimConnection(url: url)
      return .opened(connection)
    } catch {
      multi.remove(easy)
      return .failed(error)
    }
  }
}
