import HTTPClient
import StreamClient
import Telemetry

/// A client that stays connected and prints what comes: a `Follower` with a socket, a screen and perhaps a file.
struct Watch {
  /// The place is kept at most so often; after kill -9 or a crash what was shown since then is shown again.
  private static let savingMilliseconds: Int64 = 1_000

  struct Options {
    var headers: [(name: String, value: String)] = []
    var following = Follower.Options()
    var asJSON = false
    var reconnects = true
    /// Ends after so many events.
    var count: Int?
    var milliseconds: Int64?
    /// Where the place in the streams is kept between runs.
    var cursorFile: CursorFile?
    var signing = Signing.none
    /// Frames for routes of the user's own, sent once, in this order, as soon as what is subscribed to is followed.
    var sends: [String] = []
  }

  private enum Outcome {
    case on
    case lost(reason: String, pauseMilliseconds: Int64)
    case done(ExitCode)
  }

  private let options: Options
  private let clock: Clock
  private let signal: TerminationSignal
  private let dialer: WatchDialer
  private let screen: WatchScreen
  private let deadline: Int64?
  private var follower: Follower
  private var client: WebSocketClient?
  private var eventsSeen = 0
  private var hasSent = false
  /// What was shown, which may be less than what the follower had: the last events may not be on the screen.
  private var position: Follower.Position
  private var savedPosition: Follower.Position?
  private var savedAt: Int64 = 0

  init(_ text: String, options: Options, context: CommandContext) throws(CommandFailure) {
    signal = context.signal()
    dialer = try WatchDialer(
      text, saysHello: options.following.saysHello, headers: options.headers, signing: options.signing,
      context: context, signal: signal)
    self.options = options
    clock = context.clock
    screen = WatchScreen(context, asJSON: options.asJSON)
    deadline = options.milliseconds.map { context.clock.monotonicMilliseconds() + $0 }
    position = try options.cursorFile?.load() ?? Follower.Position()
    follower = Follower(options.following, position: position, randomness: context.randomness)
  }

  /// Watches until the count or the time is reached, Ctrl-C, or a connection that cannot be had again.
  mutating func run() throws(CommandFailure) -> ExitCode {
    // Whether the file can be written is known before anything is shown.
    try save()
    let code: ExitCode
    do throws(CommandFailure) {
      code = try follow()
    } catch {
      try save()
      throw error
    }
    try save()
    return code
  }

  /// The first connection must work: an address with a fault in it would be tried for ever.
  private mutating func follow() throws(CommandFailure) -> ExitCode {
    var wasConnected = false
    while true {
      let outcome: Outcome
      switch dialer.connect() {
      case .success(let client):
        wasConnected = true
        outcome = try watch(client)
      case .failure(.interrupted): return .interrupted
      case .failure(let error):
        let failure = dialer.failure(error)
        guard wasConnected else { throw failure }
        outcome = try hand(.disconnected(status: error.status), failure: failure)
      }
      switch outcome {
      case .on: break
      case .done(let code): return code
      case .lost(let reason, let milliseconds):
        guard options.reconnects else { throw CommandFailure(code: .unavailable, message: reason) }
        if let code = try pause(milliseconds, after: reason) { return code }
      }
    }
  }

  private mutating func watch(_ client: WebSocketClient) throws(CommandFailure) -> Outcome {
    self.client = client
    defer { self.client = nil }
    var outcome = try hand(.connected)
    screen.remark("connected to \(dialer.url.authority)")
    while case .on = outcome {
      switch client.next(until: nextMoment) {
      case .text(let bytes): outcome = try hand(.frame(bytes), frame: bytes)
      case .closed(let code, let reason):
        let sentence = Self.sentence(code: code, reason: reason)
        outcome = try hand(.disconnected(status: nil), failure: CommandFailure(code: .unavailable, message: sentence))
      case .interrupted: outcome = .done(.interrupted)
      case .timeIsUp: outcome = isOver ? .done(try timeIsUp()) : try hand(.time)
      }
      if case .done = outcome { client.close() }
    }
    return outcome
  }

  // MARK: What the follower wants

  /// `failure` is why there is no connection, where that is what happened; `frame` is what came, if that did.
  private mutating func hand(
    _ input: Follower.Input, failure: CommandFailure? = nil, frame: [UInt8]? = nil
  ) throws(CommandFailure) -> Outcome {
    let outcome = try perform(
      follower.handle(input, at: clock.monotonicMilliseconds()), failure: failure, frame: frame)
    if follower.isLive, !hasSent {
      hasSent = true
      for text in options.sends { try? client?.send(Array(text.utf8)) }
    }
    if options.cursorFile != nil {
      if case .done = outcome {} else { position = follower.position }
      // The first place is kept at once: without any the next run would begin anew, with the state of things.
      let isFirst = position.cursor != nil && savedPosition?.cursor == nil
      if isFirst || clock.monotonicMilliseconds() - savedAt >= Self.savingMilliseconds { try save() }
    }
    return outcome
  }

  private mutating func perform(
    _ outputs: [Follower.Output], failure: CommandFailure?, frame: [UInt8]?
  ) throws(CommandFailure) -> Outcome {
    var outcome = Outcome.on
    var reason = failure?.message ?? ""
    for output in outputs {
      switch output {
      // If it cannot be sent, receiving will tell.
      case .send(let frame): try? client?.send(frame)
      case .show(let event):
        try screen.frame(event.bytes)
        if let stream = event.stream { position.seen[stream] = event.sequence }
        if countIsReached() { return .done(.success) }
      case .snapshot(let snapshot): try screen.snapshot(snapshot)
      case .gap(let gap): try screen.gap(gap)
      case .notice(let frame): try screen.frame(frame)
      case .diagnostic(let diagnostic):
        guard let frame, !options.sends.isEmpty, [.notJSON, .wrongShape].contains(diagnostic.code) else {
          screen.note("passed over: \(diagnostic.message)")
          continue
        }
        try screen.answer(frame)
        if countIsReached() { return .done(.success) }
      case .close(let why):
        client?.close()
        reason = Self.sentence(why)
      case .reconnect(let milliseconds): outcome = .lost(reason: reason, pauseMilliseconds: milliseconds)
      case .stop(.refused): throw failure ?? CommandFailure(code: .unavailable, message: "the connection is refused")
      case .stop(.expired):
        throw CommandFailure(code: .unavailable, message: Self.sentence(Follower.CloseReason.expired))
      }
    }
    return outcome
  }

  /// Counts what was shown; true if it was the last one asked for.
  private mutating func countIsReached() -> Bool {
    eventsSeen += 1
    return eventsSeen == options.count
  }

  private mutating func save() throws(CommandFailure) {
    savedAt = clock.monotonicMilliseconds()
    guard let file = options.cursorFile, position != savedPosition else { return }
    try file.save(position)
    savedPosition = position
  }

  // MARK: Time

  private var isOver: Bool { deadline.map { $0 <= clock.monotonicMilliseconds() } ?? false }

  /// The end, what the follower waits for, or the moment to keep the place.
  private var nextMoment: Int64? {
    let saving = options.cursorFile == nil || position == savedPosition ? nil : savedAt + Self.savingMilliseconds
    return [deadline, follower.nextMoment, saving].compactMap { $0 }.min()
  }

  private func timeIsUp() throws(CommandFailure) -> ExitCode {
    guard let wanted = options.count else { return .success }
    throw CommandFailure(
      code: .failure,
      message: "the time is up: \(Figures.grouped(eventsSeen)) of \(Figures.count(wanted, one: "event")) came")
  }

  /// Waits before the next attempt; an exit code if there is to be none.
  private func pause(_ milliseconds: Int64, after reason: String) throws(CommandFailure) -> ExitCode? {
    screen.note("\(reason); connecting again in \(Figures.duration(milliseconds: milliseconds))")
    let rest = deadline.map { max(0, $0 - clock.monotonicMilliseconds()) }
    if signal.wait(milliseconds: min(milliseconds, rest ?? milliseconds)) { return .interrupted }
    return isOver ? try timeIsUp() : nil
  }

  // MARK: Words

  /// `the connection was closed: 1001 Going away`
  private static func sentence(code: UInt16?, reason: String) -> String {
    let parts = [code.map(String.init), reason.isEmpty ? nil : reason].compactMap { $0 }
    return parts.isEmpty ? "the connection broke" : "the connection was closed: \(parts.joined(separator: " "))"
  }

  private static func sentence(_ reason: Follower.CloseReason) -> String {
    switch reason {
    case .noReady: "the server does not answer hello"
    case .noPong: "the server does not answer a ping"
    case .rotate: "the server asks for a new connection"
    case .expired: "the credentials of the connection have expired"
    }
  }
}
