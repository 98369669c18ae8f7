import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import EventLog

@Suite("following the log")
struct LogFollowerTests {
  private let world = World()
  private let stream = "all/price:update"

  private func follower(_ table: any Table, quiet: Int64 = 2_000) -> LogFollower {
    LogFollower(
      table: table, pace: FollowingPace(shortestMilliseconds: 250, longestMilliseconds: quiet),
      clock: world.clock.clock, log: Log(minimum: .fatal))
  }

  private func append(_ count: Int, bytes size: Int = 0) throws {
    let data = bytes("{\"pad\":\"\(String(repeating: "x", count: size))\"}")
    let events = (0..<count).map { _ in
      Event(type: "price:update", key: "K", data: data, id: "1-a", timestamp: "")
    }
    var log = StreamLog(table: world.table, clock: world.clock.clock)
    _ = try log.append(events, to: stream)
  }

  private func head() throws -> LogHead? {
    try StreamLog(table: world.table, clock: world.clock.clock).head(stream: stream)
  }

  @Test("a tick costs one request for the heads of all streams, and one for what is new, however many follow")
  func cost() throws {
    try append(3)
    let table = MeteredTable(world.table)
    let follower = follower(table)
    let followed = try (0..<1_000).map { _ in follower.follow(stream, head: try head()) }
    let others = (0..<9).map { follower.follow("user/u-\($0)", head: nil) }
    world.clock.advance(milliseconds: 250)
    #expect(table.cost { follower.tick() }.requests == 1)
    try append(2)
    world.clock.advance(milliseconds: 500)
    #expect(table.cost { follower.tick() }.requests == 2)
    let position = FollowedPosition(epoch: try #require(try head()).epoch, sequence: 3)
    let cost = try table.cost {
      for one in followed {
        let page = try follower.events(of: one, after: position)
        #expect(page?.events.map(\.sequence) == [4, 5])
      }
    }
    #expect(cost.requests == 0)
    for one in followed + others { follower.unfollow(one) }
    #expect(follower.count == 0)
    world.clock.advance(seconds: 10)
    #expect(table.cost { follower.tick() }.requests == 0)
  }

  @Test("the time between ticks doubles to the longest while nothing comes, and is the shortest again after an event")
  func pace() throws {
    try append(1)
    let follower = follower(world.table)
    let followed = follower.follow(stream, head: try head())
    var waits: [Int64] = []
    for _ in 0..<6 {
      let now = world.clock.clock.monotonicMilliseconds()
      waits.append(followed.dueMilliseconds - now)
      world.clock.advance(milliseconds: followed.dueMilliseconds - now)
      follower.tick()
    }
    #expect(waits.dropFirst() == [500, 1_000, 2_000, 2_000, 2_000])
    try append(1)
    world.clock.advance(milliseconds: 2_000)
    follower.tick()
    #expect(followed.dueMilliseconds - world.clock.clock.monotonicMilliseconds() == 250)
  }

  @Test("who is far behind reads the log itself, and gets the same")
  func farBehind() throws {
    try append(1)
    let follower = follower(world.table)
    let followed = follower.follow(stream, head: try head())
    for _ in 0..<10 { try append(500) }
    world.clock.advance(milliseconds: 500)
    for _ in 0..<4 {
      follower.tick()
      world.clock.advance(milliseconds: 500)
    }
    #expect(followed.head?.last == 5_001)
    var position = FollowedPosition(epoch: try #require(try head()).epoch, sequence: 1)
    var sequences: [Int64] = []
    while let page = try follower.events(of: followed, after: position) {
      #expect(page.isWhole)
      sequences += page.events.map(\.sequence)
      position.sequence = page.through
    }
    #expect(sequences == Array(2...5_001))
  }

  @Test("a stream that gets its first log while it is followed is read from the first event on")
  func firstLog() throws {
    let follower = follower(world.table)
    let followed = follower.follow(stream, head: nil)
    try append(2)
    world.clock.advance(milliseconds: 500)
    follower.tick()
    let page = try #require(try follower.events(of: followed, after: FollowedPosition(epoch: "", sequence: 0)))
    #expect(page.events.map(\.sequence) == [1, 2] && page.isWhole)
  }

  @Test("who knows a newer log than was read yet gets nothing of the older one")
  func newerEpoch() throws {
    try append(2)
    let follower = follower(world.table)
    let followed = follower.follow(stream, head: try head())
    let newer = FollowedPosition(epoch: "9999999999999-0", sequence: 1)
    #expect(try follower.events(of: followed, after: newer) == nil)
  }

  @Test("whichever read of many pages fails, what was kept of them is not kept twice")
  func failingInTheMiddle() throws {
    try append(1)
    let position = FollowedPosition(epoch: try #require(try head()).epoch, sequence: 1)
    var failed = 0
    for _ in 0..<12 { try append(100, bytes: 2_000) }
    for failing in 1...20 {
      let table = FailingTable(world.table, failing: failing)
      let follower = follower(table)
      let followed = follower.follow(stream, head: LogHead(epoch: position.epoch, next: 2))
      for _ in 0..<3 {
        world.clock.advance(milliseconds: 2_000)
        follower.tick()
      }
      guard table.hasFailed else { break }
      failed += 1
      var reached = position
      var sequences: [Int64] = []
      while let page = try follower.events(of: followed, after: reached) {
        sequences += page.events.map(\.sequence)
        reached.sequence = page.through
      }
      #expect(sequences == Array(2...1_201), "call \(failing) failed")
      // What is kept is in order too.
      reached.sequence = 1_000
      #expect(try follower.events(of: followed, after: reached)?.events.first?.sequence == 1_001)
      follower.unfollow(followed)
    }
    #expect(failed > 2)
  }

  @Test("a table that fails is asked again later, and nothing is lost")
  func failing() throws {
    try append(1)
    let table = FailingTable(world.table, failing: 1)
    let follower = follower(table)
    let followed = follower.follow(stream, head: try head())
    try append(1)
    world.clock.advance(milliseconds: 500)
    follower.tick()
    let position = FollowedPosition(epoch: try #require(try head()).epoch, sequence: 1)
    #expect(try follower.events(of: followed, after: position) == nil)
    #expect(table.hasFailed)
    world.clock.advance(milliseconds: 2_000)
    follower.tick()
    #expect(try follower.events(of: followed, after: position)?.events.map(\.sequence) == [2])
  }
}
