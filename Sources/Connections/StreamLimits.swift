import Messaging
package import Telemetry

/// The bounds on what a client may do and gets, as the environment says; each has the protocol's default.
package struct StreamLimits: Equatable, Sendable {
  /// `MAX_SUBSCRIPTIONS`: of one connection; a type, a key of a type and a prefix of keys count one each. One
  /// transaction of the table has room for a hundred, the rest follows it.
  package var subscriptions = 128
  /// `CLIENT_FRAMES_PER_SECOND`: how often a connection may change something, for long; 0: as often as it likes.
  package var clientFramesPerSecond: Int64 = 10
  /// `CLIENT_FRAMES_BURST`: and for a moment.
  package var clientFramesBurst: Int64 = 20
  /// `FRAMES_PER_SECOND`: what a client is sent at most, for long; what is more is conflated, or comes later. 0: as much as
  /// there is.
  package var framesPerSecond: Int64 = 10
  /// And for a moment, if it takes no batches.
  package var framesBurst: Int64 { framesAtOnce ?? max(20, 2 * framesPerSecond) }
  /// Instead of that, for tests.
  package var framesAtOnce: Int64?
  /// `BATCH_EVENTS`: so many events are a batch of a client that asked for batches.
  package var batchEvents: Int64 = 10
  /// `BATCH_MILLISECONDS`: and what there is so long after its first event.
  package var batchMilliseconds: Int64 = 1_000
  /// `PERSONAL_EVENTS`: how many of one user are kept for a client that comes back.
  package var personalEvents: Int64 = 100
  /// `PERSONAL_SECONDS`: and for how long after the last client was seen.
  package var personalSeconds: Int64 = 300
  /// `LOG_SECONDS`: how long an event stays in the log, at least.
  package var logSeconds: Int64 = 86_400
  /// `REPLAY_EVENTS`: how many events that a client missed one answer brings, the newest.
  package var replayEvents = 10_000
  /// `EVENT_BYTES`: of one event as the publisher wrote it; a segment of the log has room for `Limit.eventBytes`.
  package var eventBytes = Limit.eventBytes
  /// `PING_SECONDS`: for how long a client may say nothing before it is pinged; 0: for ever. `PingPolicy`.
  package var pingSeconds: Int64 = 120
  /// `STATE_KEYS`: of a user or group and a type, such as orders; the one that was changed longest ago goes for a new one.
  package var stateKeys = 500
  /// `STATE_SECONDS`: for how long a key stays in a state that no event changes.
  package var stateSeconds: Int64 = 31_536_000
  /// `LATEST_SECONDS`: how old the newest message of a channel may be.
  package var latestSeconds: Int64 = 3_600
  /// `POSITIONS`: who works out what positions a user has.
  package var positionsWriter = PositionsWriter.application

  /// Heads and checkpoints stand for a month after the last append; the log must not outlive them.
  static let longestLogSeconds: Int64 = 14 * 86_400

  package init() {}

  package init(environment: Environment) throws(StreamLimitError) {
    subscriptions = Int(
      try Self.read("MAX_SUBSCRIPTIONS", environment: environment, standard: Int64(subscriptions), allowed: 1...1_000))
    clientFramesPerSecond = try Self.read(
      "CLIENT_FRAMES_PER_SECOND", environment: environment, standard: clientFramesPerSecond, allowed: 0...1_000)
    clientFramesBurst = try Self.read(
      "CLIENT_FRAMES_BURST", environment: environment, standard: clientFramesBurst, allowed: 1...10_000)
    framesPerSecond = try Self.read(
      "FRAMES_PER_SECOND", environment: environment, standard: framesPerSecond, allowed: 0...1_000)
    batchEvents = try Self.read("BATCH_EVENTS", environment: environment, standard: batchEvents, allowed: 1...1_000)
    batchMilliseconds = try Self.read(
      "BATCH_MILLISECONDS", environment: environment, standard: batchMilliseconds, allowed: 1...60_000)
    personalEvents = try Self.read(
      "PERSONAL_EVENTS", environment: environment, standard: personalEvents, allowed: 1...10_000)
    personalSeconds = try Self.read(
      "PERSONAL_SECONDS", environment: environment, standard: personalSeconds, allowed: 1...86_400)
    logSeconds = try Self.read(
      "LOG_SECONDS", environment: environment, standard: logSeconds, allowed: 60...Self.longestLogSeconds)
    replayEvents = Int(
      try Self.read("REPLAY_EVENTS", environment: environment, standard: Int64(replayEvents), allowed: 1...100_000))
    eventBytes = Int(
      try Self.read(
        "EVENT_BYTES", environment: environment, standard: Int64(eventBytes), allowed: 256...Int64(Limit.eventBytes)))
    pingSeconds = try Self.read("PING_SECONDS", environment: environment, standard: pingSeconds, allowed: 0...270)
    stateKeys = Int(
      try Self.read("STATE_KEYS", environment: environment, standard: Int64(stateKeys), allowed: 1...2_000))
    stateSeconds = try Self.read(
      "STATE_SECONDS", environment: environment, standard: stateSeconds, allowed: 3_600...315_360_000)
    latestSeconds = try Self.read(
      "LATEST_SECONDS", environment: environment, standard: latestSeconds, allowed: 1...2_592_000)
    positionsWriter = try PositionsWriter(environment: environment)
  }

  /// Their names, for a program that hands an environment on.
  package static let variables = numbers + ["POSITIONS"]

  static let numbers = [
    "MAX_SUBSCRIPTIONS", "CLIENT_FRAMES_PER_SECOND", "CLIENT_FRAMES_BURST", "FRAMES_PER_SECOND", "BATCH_EVENTS",
    "BATCH_MILLISECONDS", "PERSONAL_EVENTS", "PERSONAL_SECONDS", "LOG_SECONDS", "REPLAY_EVENTS", "EVENT_BYTES",
    "PING_SECONDS", "STATE_KEYS", "STATE_SECONDS", "LATEST_SECONDS",
  ]

  private static func read(
    _ name: String, environment: Environment, standard: Int64, allowed: ClosedRange<Int64>
  ) throws(StreamLimitError) -> Int64 {
    guard let text = environment[name] else { return standard }
    guard let number = Int64(text), allowed.contains(number) else {
      throw StreamLimitError(name: name, value: text, allowed: allowed, standard: standard)
    }
    return number
  }
}

/// A limit that cannot be one.
package struct StreamLimitError: Error, Equatable, CustomStringConvertible, LogTextConvertible {
  private let name: String
  private let value: String
  private let allowed: String
  private let example: String

  init(name: String, value: String, allowed: ClosedRange<Int64>, standard: Int64) {
    (self.name, self.value, example) = (name, value, "\(standard)")
    self.allowed = "no number from \(allowed.lowerBound) to \(allowed.upperBound)"
  }

  init(name: String, value: String, allowed words: [String]) {
    (self.name, self.value, example) = (name, value, words.first ?? "")
    allowed = "none of \(words.joined(separator: ", "))"
  }

  package var description: String { "\(name)=\(value) is \(allowed); for example \(name)=\(example)" }
  package var logText: LogText { LogText(known: description) }
}

/// A token bucket that needs one number: when it will be full again, were nothing taken any more.
struct TokenBucket: Equatable {
  /// Milliseconds since the epoch.
  var fullAtMilliseconds: Int64 = 0

  /// Takes a token. False: there is none.
  mutating func acquire(_ limits: StreamLimits, nowMilliseconds now: Int64) -> Bool {
    guard limits.clientFramesPerSecond > 0 else { return true }
    let interval = 1_000 / limits.clientFramesPerSecond
    guard fullAtMilliseconds - now <= (limits.clientFramesBurst - 1) * interval else { return false }
    fullAtMilliseconds = max(fullAtMilliseconds, now) + interval
    return true
  }
}
