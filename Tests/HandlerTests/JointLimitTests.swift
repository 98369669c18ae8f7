import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import ConnectHandler

/// Ten of a user over both transports together.
@Suite("WebSockets and event streams of one user, counted together")
struct JointLimitTests {
  private let stage = Stage()

  private func name(_ number: Int) -> ConnectionID { ConnectionID("C\(number)=")! }

  private var streams: EventStreams { EventStreams(table: stage.table, clock: stage.clock.clock) }

  private var limit: UserLimit<Ear> {
    UserLimit(maximum: 10, connections: stage.connections, calls: stage.ear, clock: stage.clock.clock)
  }

  private var caller: UserLimit<Ear>.Caller {
    let log = Log(minimum: .info, clock: stage.clock.clock, write: { [lines = stage.lines] in lines.add($0) })
    return UserLimit<Ear>.Caller(
      destination: Destination(connectionID: name(0), domainName: "", stage: ""), requestID: "r", log: log,
      audit: log.with(["event": "audit"]))
  }

  private func open(_ route: String, user: String? = "u-1") throws -> EventStreamRecord {
    stage.clock.advance(seconds: 1)
    return try streams.register(
      EventStreamRecord(
        route: route, user: user, role: .viewer, openedAtMilliseconds: stage.clock.clock.milliseconds()))
  }

  private func connect(_ number: Int) throws {
    stage.clock.advance(seconds: 1)
    #expect(try stage.connect([("userId", "u-1")], id: name(number)) == Stage.connected)
  }

  @Test("the eleventh, a WebSocket, ends the oldest, an event stream, whose function is told `limit`")
  func webSocketEndsStream() throws {
    var held = [try open("orders"), try open("alerts")]
    for number in 0..<8 { try connect(number) }
    #expect(try streams.streams(of: "u-1").count == 2 && stage.ear.closed.isEmpty)
    try connect(8)
    #expect(stage.ear.closed.isEmpty)
    let ended = try streams.check(&held)
    #expect(ended.map(\.route) == ["orders"] && ended[0].endReason == .limit && held.count == 1)
    #expect(stage.lines.all.contains { $0.contains("too many of one user") && $0.contains(#""limit":10"#) })
  }

  @Test("the eleventh, an event stream, closes the oldest, a WebSocket, which is told")
  func streamClosesWebSocket() throws {
    for number in 0..<9 { try connect(number) }
    _ = try open("orders")
    stage.clock.advance(seconds: 40)
    var held = try streams.streams(of: "u-1")
    _ = try streams.check(&held)
    let eleventh = try open("alerts")
    var limit = limit
    #expect(try limit.refusal(of: eleventh, caller: caller) == nil)
    // The first stream had died: nobody looked at it for forty seconds.
    #expect(stage.ear.closed.isEmpty)
    let twelfth = try open("prices")
    #expect(try limit.refusal(of: twelfth, caller: caller) == nil)
    #expect(stage.ear.closed == ["C0="])
    #expect(stage.ear.frames(to: name(0)).last?.contains(#""code":"limit""#) == true)
    #expect(limit.takeDisconnects() == [.limit])
    #expect(try stage.connections.connections(of: "u-1").count == 8)
  }

  @Test("one that is itself the oldest by the time it is counted goes, and is told why")
  func itself() throws {
    let first = try open("orders")
    for number in 0..<10 {
      stage.clock.advance(milliseconds: 100)
      _ = try streams.register(
        EventStreamRecord(
          route: "r\(number)", user: "u-1", role: .viewer, openedAtMilliseconds: stage.clock.clock.milliseconds()))
    }
    var limit = limit
    #expect(
      try limit.refusal(of: first, caller: caller) == "a user may have 10 connections, and newer ones have come")
    #expect(try streams.streams(of: "u-1").count == 10)
  }

  @Test("streams of nobody and of other users are counted to nobody; a stream that ended frees its place at once")
  func places() throws {
    for number in 0..<30 { _ = try open("r\(number)", user: number.isMultiple(of: 2) ? nil : "u-2") }
    for number in 0..<10 { try connect(number) }
    stage.clock.advance(seconds: 40)
    _ = try stage.disconnect(id: name(0))
    let stream = try open("orders")
    var limit = limit
    #expect(try limit.refusal(of: stream, caller: caller) == nil && stage.ear.closed.isEmpty)
    try streams.remove(stream)
    let next = try open("orders")
    #expect(try limit.refusal(of: next, caller: caller) == nil && stage.ear.closed.isEmpty)
  }
}
