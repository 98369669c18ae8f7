import ConnectionStore
import EventLog
import Telemetry

/// How streams are held, as the environment says.
struct StreamSettings: Equatable, Sendable {
  /// `STREAM_SLICE_SECONDS`: a stream ends after so long without an event.
  var sliceSeconds: Int64 = 300
  /// `STREAM_KEEPALIVE_SECONDS`: a comment goes out after so long without anything.
  var keepaliveSeconds: Int64 = 30
  /// `STREAM_RETRY_MILLISECONDS`: what clients are told to wait before they come back.
  var retryMilliseconds: Int64 = 5_000
  /// `STREAM_POLL_MILLISECONDS`: how often the log is read for new events.
  var pollMilliseconds: Int64 = 250
  /// What that doubles to while nothing comes.
  var quietPollMilliseconds: Int64 = 2_000
  /// `STREAM_PAD_BYTES`: of a comment that opens each stream, against fronts that hold back small chunks.
  var padBytes = 0
  /// `STREAM_SECOND_CHUNK`: an empty comment follows what is written, in a chunk of its own.
  var sendsSecondChunk = false
  /// `STREAM_WHOLE_ANSWERS`: the front collects answers and cannot be told from one that streams: a REST API of transfer mode
  /// `BUFFERED`. An HTTP API can.
  var answersWhole = false

  /// A reader that takes nothing for so long is cut.
  static let stuckMilliseconds: Int64 = 300_000
  /// A stream ends so long before its invocation does.
  static let marginMilliseconds: Int64 = 2_000
  /// New events reach an open stream within 50 ms where a read costs nothing.
  static let localPollMilliseconds: Int64 = 20

  init() {}

  init(environment: Environment) throws(StreamSettingError) {
    sliceSeconds = try Self.integer("STREAM_SLICE_SECONDS", environment, standard: 300, allowed: 1...840)
    keepaliveSeconds = try Self.integer("STREAM_KEEPALIVE_SECONDS", environment, standard: 30, allowed: 1...300)
    retryMilliseconds = try Self.integer(
      "STREAM_RETRY_MILLISECONDS", environment, standard: 5_000, allowed: 100...600_000)
    padBytes = Int(try Self.integer("STREAM_PAD_BYTES", environment, standard: 0, allowed: 0...65_536))
    let secondChunks = try Self.integer("STREAM_SECOND_CHUNK", environment, standard: 0, allowed: 0...1)
    sendsSecondChunk = secondChunks == 1
    let wholeAnswers = try Self.integer("STREAM_WHOLE_ANSWERS", environment, standard: 0, allowed: 0...1)
    answersWhole = wholeAnswers == 1
    let isLocal = environment["CONNECTION_STORE"]?.hasPrefix("dynamodb:") == false
    pollMilliseconds = try Self.integer(
      "STREAM_POLL_MILLISECONDS", environment, standard: isLocal ? Self.localPollMilliseconds : 250, allowed: 5...10_000
    )
    quietPollMilliseconds = isLocal ? pollMilliseconds : max(pollMilliseconds, 2_000)
  }

  var pace: FollowingPace {
    FollowingPace(shortestMilliseconds: pollMilliseconds, longestMilliseconds: quietPollMilliseconds)
  }

  private static func integer(
    _ name: String, _ environment: Environment, standard: Int64, allowed: ClosedRange<Int64>
  ) throws(StreamSettingError) -> Int64 {
    guard let text = environment[name] else { return standard }
    guard let number = Int64(text), allowed.contains(number) else {
      throw StreamSettingError(name: name, value: text, allowed: allowed, standard: standard)
    }
    return number
  }
}

/// A setting that cannot be one.
struct StreamSettingError: Error, Equatable, CustomStringConvertible, LogTextConvertible {
  let name: String
  let value: String
  let allowed: ClosedRange<Int64>
  let standard: Int64

  var description: String {
    "\(name)=\(value) is no number from \(allowed.lowerBound) to \(allowed.upperBound); for example \(name)=\(standard)"
  }
  var logText: LogText { LogText(known: description) }
}
