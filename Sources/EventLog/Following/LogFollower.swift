package import ConnectionStore
import Messaging
package import Telemetry

/// How often the log is looked at for those who follow it.
package struct FollowingPace: Equatable, Sendable {
  /// While events come.
  package let shortestMilliseconds: Int64
  /// What that doubles to while nothing comes.
  package let longestMilliseconds: Int64

  package init(shortestMilliseconds: Int64, longestMilliseconds: Int64) {
    self.shortestMilliseconds = shortestMilliseconds
    self.longestMilliseconds = max(shortestMilliseconds, longestMilliseconds)
  }

  /// The next of the moments at which streams are read, so that those that are due at about the same time go together.
  func aligned(_ moment: Int64) -> Int64 {
    (moment + shortestMilliseconds - 1) / shortestMilliseconds * shortestMilliseconds
  }
}

/// The streams that are followed in one environment, whoever and however many follow them: of each the head of its log is read
/// once a tick, and what is new once.
///
/// For example: a thousand clients follow `all/price:update`, which stands at 40. A tick reads its head: 43. It reads 41 to 43,
/// and each client that has 40 takes them from here, without a request of its own. A client that did not take what it was sent,
/// and still has 12, reads 13 to 43 itself.
///
/// A tick comes after `shortestMilliseconds`, and twice as late after each tick that found nothing, up to `longestMilliseconds`.
package final class LogFollower {
  private let streamLog: StreamLog
  private let table: any Table
  private let pace: FollowingPace
  private let clock: Clock
  private let log: Log
  private var streams: [StreamKey: FollowedStream] = [:]
  private var isFailing = false
  /// How often heads were read.
  package private(set) var ticks = 0

  package init(table: any Table, pace: FollowingPace, clock: Clock = .system, log: Log) {
    self.table = table
    self.pace = pace
    self.clock = clock
    self.log = log
    streamLog = StreamLog(table: table, clock: clock)
  }

  /// How many streams are followed.
  package var count: Int { streams.count }

  // MARK: Who follows

  /// One more follows the stream. `head`: as it was read just now; nil: the stream has no log.
  package func follow(_ stream: String, head: LogHead?) -> FollowedStream {
    let key = StreamKey(stream)
    let followed =
      streams[key]
      ?? FollowedStream(
        name: stream, head: head, intervalMilliseconds: pace.shortestMilliseconds,
        dueMilliseconds: pace.aligned(clock.monotonicMilliseconds() + 1))
    streams[key] = followed
    followed.followers += 1
    return followed
  }

  /// One less follows it; the last one takes what is kept of it along.
  package func unfollow(_ followed: FollowedStream) {
    followed.followers -= 1
    if followed.followers <= 0 { streams[StreamKey(followed.name)] = nil }
  }

  // MARK: Ticks

  /// Reads the heads that are due, with one request for up to a hundred, and what is new of those that moved. A table that
  /// cannot be read is asked again after the longest interval.
  package func tick() {
    let now = clock.monotonicMilliseconds()
    let due = streams.values.filter { $0.dueMilliseconds <= now }
    guard !due.isEmpty else { return }
    ticks += 1
    do throws(TableError) {
      let items = try table.get(due.map { LogHeadRow.key(stream: $0.name) })
      for (followed, item) in zip(due, items) {
        let hasMoved = try followed.advance(to: item.flatMap(LogHead.init), reading: streamLog)
        followed.wait(hasMoved: hasMoved, from: now, pace: pace)
      }
      if isFailing { log.info("the log can be followed again") }
      isFailing = false
    } catch {
      if !isFailing { log.warn("the log cannot be followed", ["reason": .text(error.description)]) }
      isFailing = true
      for followed in due { followed.dueMilliseconds = now + pace.longestMilliseconds }
    }
  }

  // MARK: What there is

  /// What came after a position; nil: nothing, as far as was read.
  package func events(of followed: FollowedStream, after position: FollowedPosition) throws(TableError) -> FollowedPage?
  {
    guard let head = followed.head, followed.isAhead(of: position) else { return nil }
    // A later log than the one that was followed, or the first one: all of it is new.
    let start = position.epoch == head.epoch ? position.sequence : 0
    if let events = followed.kept(after: start) {
      return FollowedPage(epoch: head.epoch, events: events, through: head.last, isWhole: true)
    }
    let page = try streamLog.read(stream: followed.name, head: head, after: start)
    let isWhole = page.events.first.map { $0.sequence == start + 1 } ?? false
    return FollowedPage(epoch: head.epoch, events: page.events[...], through: page.through, isWhole: isWhole)
  }
}

/// Where who follows a stream is in it.
package struct FollowedPosition: Equatable, Sendable {
  /// Empty: the stream had no log.
  package var epoch: String
  package var sequence: Int64

  package init(epoch: String, sequence: Int64) {
    self.epoch = epoch
    self.sequence = sequence
  }
}

/// What came after a position.
package struct FollowedPage {
  package let epoch: String
  /// In order.
  package let events: ArraySlice<LoggedEvent>
  /// How far they go.
  package let through: Int64
  /// False: some between the position and the first of these are in the log no more.
  package let isWhole: Bool
}

extension LogHead {
  /// Whether its log was made after that one: an epoch begins with the moment of its first append.
  func isLater(than epoch: String) -> Bool {
    guard let own = EventTime.milliseconds(ofID: self.epoch) else { return false }
    return own > EventTime.milliseconds(ofID: epoch) ?? 0
  }
}
