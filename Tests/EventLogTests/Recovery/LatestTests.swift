import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import EventLog

@Suite("the newest message of a channel")
struct LatestTests {
  let world = World()
  private let shards = 3

  private var reader: RecoveryReader {
    var limits = StreamLimits()
    limits.latestSeconds = 60
    return RecoveryReader(
      table: world.table, types: .standard, shards: shards, limits: limits, clock: world.clock.clock)
  }

  /// `isSent`: its sender has recorded it, and moved the checkpoint past it.
  private func append(_ type: String, key: String?, _ number: Int, isSent: Bool = true) throws {
    var log = StreamLog(table: world.table, shards: shards, clock: world.clock.clock)
    let event = Event(
      type: type, key: key, data: bytes("\(number)"), id: "\(world.clock.clock.milliseconds())-\(number)", timestamp: ""
    )
    guard case .appended(let sequence)? = try log.append([event], to: event.stream).first, isSent,
      let head = try log.head(stream: event.stream)
    else { return }
    try LastValues(table: world.table, shards: shards, clock: world.clock.clock).record(
      [LoggedEvent(sequence: sequence, event: event)], epoch: head.epoch)
    let checkpoints = Checkpoints(table: world.table, clock: world.clock.clock)
    var lease = try #require(try checkpoints.acquire(stream: event.stream))
    lease.follow(head.epoch)
    lease.advance(through: sequence)
    _ = try checkpoints.write(&lease, releasing: true)
  }

  private func latest(_ channel: String, role: Role? = .viewer) throws -> String? {
    try reader.latest(channel, role: role).map { text($0.event.data) }
  }

  @Test("is that of its key, sent or not, and of a type the newest of all keys")
  func newest() throws {
    try append("stream:market_data", key: "AAPL", 1)
    try append("stream:market_data", key: "MSFT", 2)
    #expect(try latest("stream:market_data:AAPL") == "1" && latest("stream:market_data") == "2")
    try append("stream:market_data", key: "AAPL", 3, isSent: false)
    #expect(try latest("stream:market_data:AAPL") == "3" && latest("stream:market_data") == "3")
    #expect(try latest("stream:market_data:TSLA") == nil && latest("stream:news:AAPL") == nil && latest("") == nil)
    #expect(
      try reader.channels(of: ["stream:market_data", "stream:news"], role: .viewer)
        == ["stream:market_data:AAPL", "stream:market_data:MSFT"])
  }

  @Test("is none for a role that may not see its type")
  func roles() throws {
    try append("risk", key: "a", 1)
    #expect(try latest("risk") == nil && latest("risk", role: nil) == nil && latest("risk", role: .approver) == "1")
    #expect(try reader.channels(of: ["risk"], role: .viewer).isEmpty)
  }

  @Test("is none once it is LATEST_SECONDS old, though the table has it still", arguments: [true, false])
  func age(isSent: Bool) throws {
    try append("stream:news", key: "AAPL", 1, isSent: isSent)
    world.clock.advance(seconds: 59)
    #expect(try latest("stream:news:AAPL") == "1")
    world.clock.advance(seconds: 1)
    #expect(try latest("stream:news:AAPL") == nil && reader.channels(of: ["stream:news"], role: .admin).isEmpty)
  }
}
