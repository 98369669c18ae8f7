import StreamClient
import Telemetry
import TestSupport
import Testing

@Suite("following a server that breaks off, repeats itself and conflates")
struct FollowingTests {
  @Test("each event is shown once and in order, or covered by a newer one, a snapshot, or a gap that was reported")
  func property() throws {
    let first = UInt64.random(in: 0...UInt64.max)
    for seed in (0..<200).map({ first &+ $0 }) {
      var run = Run(seed: seed)
      try run.go()
      if !run.faults.isEmpty {
        Issue.record("seed \(seed): \(run.faults.prefix(5).joined(separator: "; "))")
        return
      }
    }
  }
}

@Suite("what a client sends")
struct SentFrameTests {
  @Test(
    "a hello fits a frame of 32 KB, however long the streams' names and whatever stands in them",
    arguments: ["a", "\u{1}", "\"", "\u{E9}"])
  func helloSize(letter: String) throws {
    var options = Follower.Options()
    options.eventTypes = ["price:update"]
    options.keys = (0..<100).map { "\($0)" + String(repeating: "k", count: 100) }
    let seen = (1...64).map { ("user/\($0)" + String(repeating: letter, count: 400), Int64($0) << 40) }
    var follower = Follower(
      options,
      position: Follower.Position(
        cursor: String(repeating: "c", count: 2_000), seen: Dictionary(uniqueKeysWithValues: seen)),
      randomness: .system)
    guard case .send(let hello) = follower.handle(.connected, at: 0).first else {
      Issue.record("no hello")
      return
    }
    #expect(hello.count <= 32 * 1024)
    // As much as there is room for: one more of its streams would not fit.
    let reported = try Members(Members(hello[...])["seen"] ?? []).names.count
    let longest = seen[0].0.unicodeScalars.reduce(40) { $0 + ($1.value < 32 ? 6 : 2) }
    #expect(reported > 0 && (reported == 64 || hello.count > 32 * 1024 - longest))
  }
}

/// One client and one server, step by step by chance, then on until everything is settled.
private struct Run {
  private var server: ModelServer
  private var follower: Follower
  private var now: Int64 = 0
  /// When the client connects; nil: it is connected.
  private var connectsAt: Int64? = 0
  private var sent: [[UInt8]] = []
  private var shown = Shown()
  private(set) var faults: [String] = []

  init(seed: UInt64) {
    server = ModelServer(seed: seed)
    follower = Self.follower(Follower.Position(), types: ["a"], seed: seed)
  }

  private static func follower(_ position: Follower.Position, types: [String], seed: UInt64) -> Follower {
    var options = Follower.Options()
    options.eventTypes = types
    options.bufferedEvents = 12
    options.pingMilliseconds = 20_000
    return Follower(options, position: position, randomness: Randomness { seed })
  }

  mutating func go() throws {
    for step in 0..<400 {
      if step == 200 { follow(follower.subscribe(types: ["b"], keys: [], at: now)) }
      try act(Int.random(in: 0..<100, using: &server.generator), step: step)
    }
    try settle()
    faults += shown.faults
    for stream in server.streams { faults += shown.missing(in: stream) }
  }

  private mutating func act(_ choice: Int, step: Int) throws {
    now += Int64.random(in: 0...50, using: &server.generator)
    let position = Int.random(in: 0..<3, using: &server.generator)
    switch choice {
    case 0..<25: server.append(to: position)
    case 25..<40: if !server.round(position), connectsAt == nil { lose() }
    case 40..<60: server.answerStep()
    case 60..<80: deliver()
    case 80..<90: try passOn()
    case 90..<94: passTime()
    case 94: server.trim(position)
    case 95..<98: if connectsAt == nil, server.chance(50) { lose() }
    case 98: if server.chance(20) { renew(position) }
    default: if server.chance(30) { restart(step: step) }
    }
    if let connectsAt, connectsAt <= now { connect() }
  }

  // MARK: What happens

  private mutating func connect() {
    guard server.chance(80) else { return follow(follower.handle(.disconnected(status: 503), at: now)) }
    connectsAt = nil
    server.connection += 1
    follow(follower.handle(.connected, at: now))
  }

  private mutating func deliver() {
    guard connectsAt == nil, !server.wire.isEmpty else { return }
    follow(follower.handle(.frame(server.wire.removeFirst()), at: now))
  }

  private mutating func passOn() throws {
    if connectsAt == nil, !sent.isEmpty { try server.consume(sent.removeFirst()) }
  }

  private mutating func passTime() {
    now = max(now, min(follower.nextMoment ?? now, now + 9_000))
    follow(follower.handle(.time, at: now))
  }

  private mutating func lose() {
    hangUp()
    follow(follower.handle(.disconnected(status: nil), at: now))
  }

  /// What is under way is lost in both directions.
  private mutating func hangUp() {
    server.connection += 1
    server.followed = []
    for position in server.streams.indices { server.streams[position].lagsFrom = nil }
    server.wire = []
    sent = []
  }

  private mutating func renew(_ position: Int) {
    if connectsAt == nil { lose() }
    server.renew(position)
  }

  /// The client ends, and another goes on from its place.
  private mutating func restart(step: Int) {
    hangUp()
    follower = Self.follower(follower.position, types: step < 200 ? ["a"] : ["a", "b"], seed: UInt64(step))
    connectsAt = now
  }

  private mutating func follow(_ outputs: [Follower.Output]) {
    for output in outputs {
      switch output {
      case .send(let frame): sent.append(frame)
      case .show(let event): shown.show(event)
      case .snapshot(let snapshot): shown.record(snapshot, in: server.streams)
      case .gap(let gap): shown.record(gap, server.missed)
      case .close: hangUp()
      case .reconnect(let milliseconds): connectsAt = now + milliseconds
      case .notice: break
      case .diagnostic(let diagnostic):
        if diagnostic.code != .bufferOverflow { faults.append("\(diagnostic)") }
      case .stop(let reason): faults.append("stopped: \(reason)")
      }
    }
  }

  /// Nothing new, and nothing breaks, until everything was sent and shown.
  private mutating func settle() throws {
    for _ in 0..<20_000 {
      now += 20
      if let connectsAt, connectsAt <= now { connect() }
      try passOn()
      for position in 0..<3 where !server.round(position) && connectsAt == nil { lose() }
      server.answerStep()
      deliver()
      let isQuiet = server.wire.isEmpty && server.answers.isEmpty && sent.isEmpty
      if isQuiet, let moment = follower.nextMoment {
        if moment > now + 10_000, connectsAt == nil, isSent { return }
        now = max(now, moment)
        follow(follower.handle(.time, at: now))
      }
    }
    faults.append("it does not come to rest")
  }

  private var isSent: Bool { server.streams.allSatisfy { $0.deliveredThrough == $0.head && $0.lagsFrom == nil } }
}
