import AWSSigning
import HTTPClient
import Telemetry

/// A client that stays connected and prints what comes.
struct Watch {
  /// API Gateway closes a connection that was silent for 10 minutes.
  private static let keepAliveMilliseconds: Int64 = 5 * 60_000

  struct Options {
    var headers: [(name: String, value: String)] = []
    var frames = ClientFrames(types: [], keys: [])
    var saysHello = true
    var asJSON = false
    var reconnects = true
    /// Ends after so many events.
    var count: Int?
    var milliseconds: Int64?
    /// A hello that `ready` has not answered by then is said again: it, or its answer, may be lost.
    var readyMilliseconds: Int64 = 10_000
    var signing = Signing.standard
  }

  private enum Outcome {
    case done
    case timeIsUp
    case interrupted
    case lost(String)
  }

  private let url: HTTPURL
  private let text: String
  private let options: Options
  private let surroundings: Surroundings
  private let interruption: Interruption
  private let dialer: Dialer
  private let authority: SigningAuthority?
  private let deadline: Int64?
  private var eventsSeen = 0
  private var cursor: String?
  private var attempt = 0
  private var hellos = 0
  /// When the last hello is to be said again; nil once it was answered.
  private var helloAgain: Int64?

  init(_ text: String, options: Options, surroundings: Surroundings) throws(CommandFailure) {
    do {
      url = try HTTPURL(text)
    } catch {
      throw CommandFailure(
        .usage, "'\(text)': \(error.message)", advice: ["for example ws://127.0.0.1:8000/dev?userId=u-1"])
    }
    do { dialer = try Dialer() } catch { throw CommandFailure(.unavailable, "libcurl cannot start: \(error.message)") }
    let isAuthorized = options.headers.contains { $0.name.lowercased() == "authorization" }
    authority =
      isAuthorized ? nil : try options.signing.authority(for: url, service: "execute-api", in: surroundings)
    self.text = text
    self.options = options
    self.surroundings = surroundings
    interruption = surroundings.interruption()
    deadline = options.milliseconds.map { surroundings.clock.monotonicMilliseconds() + $0 }
  }

  /// Watches until the count or the time is reached, Ctrl-C, or a connection that cannot be had again.
  mutating func run() throws(CommandFailure) -> ExitCode {
    var wasConnected = false
    while true {
      switch try connectAndWatch(mayRetry: wasConnected) {
      case .done: return .success
      case .timeIsUp: return options.count == nil ? .success : try missed()
      case .interrupted: return .interrupted
      case .lost(let reason):
        guard options.reconnects else { throw CommandFailure(.unavailable, reason) }
        wasConnected = true
        if let code = pause(after: reason) { return code }
      }
    }
  }

  private func missed() throws(CommandFailure) -> ExitCode {
    let wanted = Figures.count(options.count ?? 0, "event")
    throw CommandFailure(.failure, "the time is up: \(Figures.grouped(eventsSeen)) of \(wanted) came")
  }

  /// The first connection must work: an address with a fault in it would be tried for ever.
  private mutating func connectAndWatch(mayRetry: Bool) throws(CommandFailure) -> Outcome {
    switch connect() {
    case .success(let client): return try watch(client)
    case .failure(.interrupted): return .interrupted
    case .failure(let error):
      let failure = error.failure(url: text)
      guard mayRetry, error.mayPass else { throw failure }
      return .lost(failure.message)
    }
  }

  /// A handshake that was refused because of this machine's clock is signed anew and sent once more.
  private func connect() -> Result<WebSocketClient, WatchFailure> {
    do throws(WatchFailure) {
      let proof = try proof()
      do throws(WatchFailure) {
        return .success(try connect(proof))
      } catch {
        guard let proof, case .refused(let status, let date, let body) = error,
          authority?.learn(
            from: .init(status: status, date: date, errorType: nil, body: body), of: proof) == true
        else { throw error }
        return .success(try connect(try self.proof()))
      }
    } catch {
      return .failure(error)
    }
  }

  private func proof() throws(WatchFailure) -> SigningAuthority.Proof? {
    do throws(CredentialError) { return try authority?.proof() } catch { throw .notWebSocket(error.description) }
  }

  private func connect(_ proof: SigningAuthority.Proof?) throws(WatchFailure) -> WebSocketClient {
    var headers = options.headers
    if let authority, let proof {
      let request = Signer.Request(method: "GET", target: url.target, headers: [("Host", url.authority)])
      headers += authority.headers(signing: request, with: proof)
    }
    return try WebSocketClient(
      url, headers: headers, dialer: dialer, clock: surroundings.clock, interruption: interruption)
  }

  private mutating func watch(_ client: WebSocketClient) throws(CommandFailure) -> Outcome {
    do { try greet(client) } catch { return .lost(error.message) }
    if !options.asJSON { note("connected to \(url.authority)") }
    while true {
      switch client.next(until: nextMoment) {
      case .text(let bytes):
        attempt = 0
        if try show(bytes, from: client) {
          client.close()
          return .done
        }
      case .closed(let code, let reason): return .lost(Self.sentence(code: code, reason: reason))
      case .interrupted:
        client.close()
        return .interrupted
      case .timeIsUp:
        if isOver {
          client.close()
          return .timeIsUp
        }
        if isUnanswered { try? greet(client) } else { try? client.send(ClientFrames.ping) }
      }
    }
  }

  private mutating func greet(_ client: WebSocketClient) throws(HTTPClientError) {
    hellos += 1
    if options.saysHello {
      helloAgain = surroundings.clock.monotonicMilliseconds() + options.readyMilliseconds
      try client.send(options.frames.hello(count: hellos, cursor: cursor))
    } else if let subscribe = options.frames.subscribe {
      try client.send(subscribe)
    }
  }

  /// Prints a frame; true if it was the last one asked for.
  private mutating func show(_ bytes: [UInt8], from client: WebSocketClient) throws(CommandFailure) -> Bool {
    let frame = FrameText(bytes)
    cursor = frame.cursor ?? cursor
    // The answer to an earlier hello tells nothing of the last one.
    if frame.type == "ready", frame.replay ?? hellos >= hellos { helloAgain = nil }
    if frame.type == "ping" { try? client.send(ClientFrames.pong) }
    let terminal = surroundings.terminal
    if options.asJSON {
      try terminal.line(bytes)
    } else {
      for line in frame.lines(now: surroundings.clock.milliseconds(), terminal: terminal) { try terminal.line(line) }
    }
    eventsSeen += frame.eventCount
    return options.count.map { eventsSeen >= $0 } ?? false
  }

  // MARK: Time

  private var isOver: Bool { deadline.map { $0 <= surroundings.clock.monotonicMilliseconds() } ?? false }

  private var isUnanswered: Bool { helloAgain.map { $0 <= surroundings.clock.monotonicMilliseconds() } ?? false }

  /// The end, the moment for another hello, or the moment to show the server that somebody is here.
  private var nextMoment: Int64 {
    let keepAlive = surroundings.clock.monotonicMilliseconds() + Self.keepAliveMilliseconds
    return min(deadline ?? keepAlive, helloAgain ?? keepAlive, keepAlive)
  }

  /// Waits before the next attempt; an exit code if there is to be none.
  private mutating func pause(after reason: String) -> ExitCode? {
    let backoff = Backoff(baseMilliseconds: 500, maximumMilliseconds: 30_000, randomness: surroundings.randomness)
    let delay = backoff.delayMilliseconds(attempt: attempt)
    attempt += 1
    note("\(reason); connecting again in \(Figures.duration(milliseconds: delay))")
    let now = surroundings.clock.monotonicMilliseconds()
    if interruption.wait(milliseconds: min(delay, deadline.map { max(0, $0 - now) } ?? delay)) { return .interrupted }
    guard isOver else { return nil }
    return options.count == nil ? .success : .failure
  }

  private func note(_ text: String) {
    surroundings.terminal.note(surroundings.terminal.paint(Terminal.harmless(text), .dim))
  }

  /// `the connection was closed: 1001 Going away`
  private static func sentence(code: UInt16?, reason: String) -> String {
    let words = [code.map(String.init), reason.isEmpty ? nil : reason].compactMap { $0 }
    return words.isEmpty ? "the connection broke" : "the connection was closed: \(words.joined(separator: " "))"
  }
}
