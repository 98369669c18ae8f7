import ConnectionStore
import Connections
import EventLog
import Telemetry

/// What all open streams of an environment share.
final class StreamSources {
  let types: EventTypeTable
  let follower: LogFollower
  let settings: StreamSettings
  let limits: StreamLimits
  let clock: Clock
  let randomness: Randomness
  var heads: FrameHeads
  private var newestClientMilliseconds: Int64 = 0

  init(
    table: any Table, types: EventTypeTable, settings: StreamSettings, limits: StreamLimits, clock: Clock = .system,
    randomness: Randomness = .system, log: Log
  ) {
    self.types = types
    self.settings = settings
    self.limits = limits
    self.clock = clock
    self.randomness = randomness
    follower = LogFollower(table: table, pace: settings.pace, clock: clock, log: log)
    heads = FrameHeads(types: types)
  }

  /// `{user}-{stream}-{timestamp}`. Two that open within a millisecond have different ones all the same.
  func clientID(user: String?, stream: String) -> String {
    newestClientMilliseconds = max(newestClientMilliseconds + 1, clock.milliseconds())
    return "\(user ?? "anonymous")-\(stream)-\(newestClientMilliseconds)"
  }

  /// From half of it to one and a half.
  func jittered(milliseconds: Int64) -> Int64 {
    milliseconds / 2 + Int64(randomness.integer(in: 0...Int(max(1, milliseconds))))
  }

  /// An id for what is no event of the log: the same form.
  func frameID() -> String { "\(clock.milliseconds())-\(randomness.hexadecimal())" }
}
