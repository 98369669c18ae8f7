import Frames
import Messaging
package import Telemetry

/// A client's half of the protocol: follows streams over connections that come and go, and shows each event once and in
/// order, or says that there is a gap.
///
/// It has no socket and no clock. Whoever drives it tells what happened and when, and does what comes back:
///
///     var follower = Follower(options, randomness: .system)
///     for output in follower.handle(.connected, at: now) { … }        // .send(hello)
///     for output in follower.handle(.frame(bytes), at: now) { … }     // .show(event), .gap(…), .notice(…) …
///     // wait for the socket, but no longer than until `follower.nextMoment`, then
///     for output in follower.handle(.time, at: now) { … }             // .send(ping), .close(…), .reconnect(…) …
///
/// A connection that it asked to close is gone for it at once: nothing more of that one is fed in.
package struct Follower {
  enum Phase {
    case offline
    /// A hello waits for its `ready`.
    case asking
    case live
    case stopped
  }

  let options: Options
  let randomness: Randomness
  var types: [String]
  var keys: [String]
  var phase = Phase.offline
  var now: Int64 = 0
  var output: [Output] = []

  // What outlives a connection.
  /// The last whole cursor: the server delivered everything up to it, and everything it delivered was applied.
  var cursor: String?
  var positions: StreamPositions
  /// How many hellos and pings were said, which is the number of the last one.
  var hellos: Int64 = 0
  var pings: Int64 = 0
  /// Attempts to connect since a connection lived.
  var attempts = 0

  /// What ends with the connection.
  var line = Line()

  package init(_ options: Options, position: Position = Position(), randomness: Randomness) {
    self.options = options
    self.randomness = randomness
    types = options.eventTypes
    keys = options.keys
    cursor = position.cursor
    positions = StreamPositions(position.seen, maximumStreams: options.streams)
  }

  /// Where it is in its streams: what a later run begins with, and goes on where this one ended.
  package var position: Position { Position(cursor: cursor, seen: positions.seen) }

  /// When `.time` is to be handed in, in milliseconds of the clock that the inputs are stamped by; nil: nothing waits.
  package var nextMoment: Int64? {
    guard isConnected else { return nil }
    return [line.helloAgain, line.pingDue, line.pongDue, line.rotation].compactMap { $0 }.min()
  }

  package var isConnected: Bool { phase == .asking || phase == .live }
  /// What it follows is followed: its hello was answered, or it says none.
  package var isLive: Bool { phase == .live }

  // MARK: Inputs

  /// What is to be done because of `input`, in this order. `now` never goes back.
  package mutating func handle(_ input: Input, at now: Int64) -> [Output] {
    guard phase != .stopped else { return [] }
    self.now = now
    switch input {
    case .connected: begin()
    case .frame(let bytes): if isConnected { consume(bytes) }
    case .disconnected(let status): end(status: status)
    case .time: if isConnected { passTime() }
    }
    return consumeOutputs()
  }

  /// Follows more. What is followed only grows: with keys, these keys of all its types; without, every key.
  package mutating func subscribe(types moreTypes: [String], keys moreKeys: [String], at now: Int64) -> [Output] {
    guard phase != .stopped else { return [] }
    self.now = now
    let newTypes = Self.missing(moreTypes, in: types)
    // Without keys it follows every key already.
    let newKeys = keys.isEmpty ? [] : Self.missing(moreKeys, in: keys)
    guard !newTypes.isEmpty || !newKeys.isEmpty else { return [] }
    types += newTypes
    keys += newKeys
    if isConnected {
      options.saysHello ? sayHello() : output.append(.send(ClientFrame.subscribe(subscriptions, count: nil).bytes))
    }
    return consumeOutputs()
  }

  private static func missing(_ names: [String], in list: [String]) -> [String] {
    var missing: [String] = []
    for name in names where !(list + missing).contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
      missing.append(name)
    }
    return missing
  }

  private mutating func consumeOutputs() -> [Output] {
    defer { output = [] }
    return output
  }

  private var subscriptions: SubscriptionRequest { SubscriptionRequest(names: types, keys: keys) }

  // MARK: Connections

  private mutating func begin() {
    line = Line(connectedAt: now)
    guard options.saysHello else {
      phase = .live
      line.wasReady = true
      line.pingDue = now + options.pingMilliseconds
      if !types.isEmpty { output.append(.send(ClientFrame.subscribe(subscriptions, count: nil).bytes)) }
      return
    }
    sayHello()
  }

  /// Everything that is followed, and where this client is: whatever came of earlier hellos, this one is enough.
  mutating func sayHello() {
    hellos += 1
    phase = .asking
    line.snapshots = [:]
    line.resumedTo = nil
    line.isLossy = false
    line.helloAgain = now + options.readyMilliseconds
    let hello = ClientFrame.Hello(
      subscriptions: subscriptions, cursor: cursor, seen: positions.seen, accepts: [.batch, .gzip, .parts],
      replay: hellos)
    output.append(.send(ClientFrame.hello(hello).bytes))
  }

  /// Says hello again because the last one will not be answered any more; too often, and the connection is given up.
  mutating func sayHelloAgain() {
    line.retries += 1
    if line.retries < options.helloAttempts { sayHello() } else { abandon(.noReady) }
  }

  private mutating func end(status: Int?) {
    if let status, Self.isFinal(status: status) { return stop(.refused(status: status)) }
    comeBack(atOnce: hasLived)
  }

  /// A handshake that is refused will be refused again, unless the server says that it is busy or broken.
  private static func isFinal(status: Int) -> Bool {
    switch status {
    case 408, 425, 429: false
    default: status < 500
    }
  }

  mutating func stop(_ reason: StopReason) {
    phase = .stopped
    output.append(.stop(reason))
  }

  /// Closes the connection and comes back.
  mutating func abandon(_ reason: CloseReason) {
    output.append(.close(reason))
    comeBack(atOnce: hasLived || reason == .rotate)
  }

  private var hasLived: Bool {
    isConnected && line.wasReady && now - line.connectedAt >= options.livedMilliseconds
  }

  /// At once if the connection had lived: the server is most likely well, and every moment without it is one too many.
  /// Else after an even draw up to a bound that doubles with each attempt, so that many clients do not come back
  /// together.
  private mutating func comeBack(atOnce: Bool) {
    let isOverLimit = line.isOverLimit
    phase = .offline
    line = Line()
    if isOverLimit {
      // Somebody has more connections than are allowed: this one must not throw out the next.
      output.append(.reconnect(afterMilliseconds: drawn(upTo: options.maximumPauseMilliseconds)))
    } else if atOnce {
      attempts = 0
      output.append(.reconnect(afterMilliseconds: 0))
    } else {
      let bound = options.basePauseMilliseconds << Int64(min(attempts, 20))
      attempts += 1
      output.append(.reconnect(afterMilliseconds: drawn(upTo: min(bound, options.maximumPauseMilliseconds))))
    }
  }

  /// An even draw of milliseconds below the bound.
  func drawn(upTo bound: Int64) -> Int64 {
    Int64(Double(randomness.next() >> 11) * 0x1p-53 * Double(bound))
  }

  // MARK: Time

  private mutating func passTime() {
    if let rotation = line.rotation, rotation <= now { return abandon(.rotate) }
    if let due = line.pongDue, due <= now { return abandon(.noPong) }
    if let again = line.helloAgain, again <= now { sayHelloAgain() }
    if isConnected, let due = line.pingDue, due <= now { ping() }
  }

  private mutating func ping() {
    pings += 1
    line.pingDue = now + options.pingMilliseconds
    line.pongDue = line.pongDue ?? now + options.pongMilliseconds
    line.hellosAtPing = hellos
    output.append(.send(ClientFrame.ping(count: pings).bytes))
  }
}

/// What ends with the connection.
struct Line {
  var connectedAt: Int64 = 0
  /// `ready` came at least once.
  var wasReady = false
  /// Hellos that were said again since the last `ready`.
  var retries = 0
  /// The moments at which something is due; nil: it is not waited for.
  var helloAgain: Int64?
  var pingDue: Int64?
  var pongDue: Int64?
  var rotation: Int64?
  /// The number of the last hello when the last ping was sent.
  var hellosAtPing: Int64 = 0
  /// Where the missed events end; true of this client only once they are all here.
  var resumedTo: String?
  /// What was told by snapshots since the last hello.
  var snapshots: [[UInt8]: SnapshotProgress] = [:]
  var buffered = BufferedEvents()
  var parts = PartAssembly()
  /// A frame was lost, and hello was said again for it since the last `ready`.
  var hasAskedForLost = false
  /// Another one was lost of the answer to that.
  var isLossy = false
  var isOverLimit = false
  var hasReportedStreams = false
}

struct SnapshotProgress {
  var sequence: Int64
  var isDone: Bool
}
