import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@testable import Delivery
@testable import Publisher

@Suite("liveness")
struct LivenessTests {
  private static let ping = #"{"type":"ping"}"#
  private static let pong = #"{"type":"pong"}"#

  private func connected(_ query: [(String, String)] = []) throws -> Stage {
    let stage = Stage()
    stage.limits.pingSeconds = 120
    _ = try stage.connect(query)
    return stage
  }

  /// What the client was sent in so many minutes, of which each ends with a sweep; `beforeEach`: what it says first.
  private func minutes(_ count: Int, _ stage: Stage, beforeEach: (Int) throws -> Void = { _ in }) throws -> [String] {
    let before = stage.ear.posts.count
    for minute in 0..<count {
      try beforeEach(minute)
      stage.clock.advance(seconds: 60)
      _ = try stage.publish(#"{"sweep":{}}"#)
    }
    return stage.ear.posts.dropFirst(before).map(\.frame)
  }

  @Test("a client that says nothing is pinged after two minutes, thrice, and then told why it is closed")
  func silent() throws {
    for query in [[], [("userId", "u-1"), ("eventTypes", "signal")]] {
      let stage = try connected(query)
      #expect(try minutes(1, stage) == [])
      for _ in 0..<3 { #expect(try minutes(1, stage) == [Self.ping]) }
      #expect(stage.ear.closed.isEmpty)
      let last = try minutes(1, stage)
      #expect(last.count == 1 && last[0].hasPrefix(#"{"type":"error","code":"no_pong","message":"this connection"#))
      #expect(stage.ear.closed == [stage.id.text])
      #expect(try stage.connections.connection(id: stage.id) == nil)
      #expect(stage.lines(saying: "disconnected").filter { $0.contains(#""reason":"unanswered""#) }.count == 1)
      #expect(try minutes(3, stage) == [])
    }
  }

  @Test("one that answers is not closed, however long it says nothing else, and is pinged every other minute")
  func answering() throws {
    let stage = try connected()
    var answered = 0
    let frames = try minutes(60, stage) { _ in
      guard stage.ear.posts.count > answered else { return }
      answered = stage.ear.posts.count
      _ = try stage.say(Self.pong)
    }
    #expect(frames == Array(repeating: Self.ping, count: frames.count) && (19...30).contains(frames.count))
    #expect(stage.ear.closed.isEmpty)
  }

  @Test("any frame counts as an answer, one that is refused as well")
  func anyFrame() throws {
    for frame in [Self.ping, #"{"type":"status"}"#, #"{"type":"subscribe","eventTypes":["signal"]}"#, "not json"] {
      let stage = try connected()
      _ = try minutes(4, stage)
      _ = try stage.say(frame)
      #expect(try minutes(1, stage).filter { $0 == Self.ping } == [], "\(frame)")
      #expect(stage.ear.closed.isEmpty)
    }
  }

  @Test("who talks is not pinged, and is written down once a minute at most")
  func talking() throws {
    let stage = try connected()
    let table = FailingTable(stage.table, failing: 0)
    // A read each, and a write each minute.
    for frame in 0..<60 {
      #expect(try stage.say(Self.ping, over: table)?.contains("pong") == true)
      stage.clock.advance(seconds: 10)
      if frame % 6 == 5 { _ = try stage.publish(#"{"sweep":{}}"#) }
    }
    #expect((69...70).contains(table.calls), "\(table.calls)")
    #expect(stage.ear.posts.isEmpty)
  }

  @Test("a pong that nobody asked for is taken in silence, whoever sends it, and writes nothing")
  func unasked() throws {
    let stage = try connected()
    let table = FailingTable(stage.table, failing: 0)
    for _ in 0..<10 { #expect(try stage.say(Self.pong, over: table) == nil) }
    #expect(try stage.say(Self.pong, id: ConnectionID("nobody="), over: table) == nil)
    #expect(table.calls == 11)
    for call in 1...2 {
      stage.clock.advance(seconds: 61)
      let failing = FailingTable(stage.table, failing: call)
      #expect(try stage.say(Self.pong, over: failing) == nil)
      #expect(failing.hasFailed)
    }
    #expect(stage.ear.posts.isEmpty)
  }

  @Test("who said hello pings by itself every four minutes, and is pinged by the server after five only")
  func library() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello"}"#)
    #expect(try minutes(4, stage) == [])
    _ = try stage.say(Self.ping)
    #expect(try minutes(4, stage) == [])
    _ = try stage.say(Self.ping)
    #expect(try minutes(7, stage) == [Self.ping, Self.ping, Self.ping])
    #expect(stage.ear.closed.isEmpty)
    #expect(try minutes(1, stage).first?.contains("no_pong") == true)
  }

  @Test(
    "a client whose protocol has no pong is pinged every four minutes and stays, unless it showed that it knows pings")
  func withoutPong() throws {
    for dialect in ["flat", "message"] {
      let stage = try connected([("dialect", dialect)])
      let frames = try minutes(60, stage)
      #expect(frames == Array(repeating: Self.ping, count: frames.count) && (14...15).contains(frames.count))
      #expect(stage.ear.closed.isEmpty)
      for frame in [Self.ping, Self.pong] {
        let other = try connected([("dialect", dialect)])
        _ = try other.say(frame)
        #expect(try minutes(6, other).suffix(1).first?.contains("no_pong") == true)
        #expect(other.ear.closed.count == 1)
      }
    }
  }

  @Test("an answer that comes while its ping is being counted is not forgotten")
  func answerBeforeTheCount() throws {
    let stage = try connected()
    for _ in 0..<10 {
      _ = try minutes(2, stage)
      // The sweep has read the row and posted the ping; the pong overtakes what it writes.
      let record = try #require(try stage.connections.connection(id: stage.id))
      stage.clock.advance(seconds: 61)
      _ = try stage.say(Self.pong)
      try stage.connections.recordPings(of: [record])
      #expect(try stage.connections.connection(id: stage.id)?.liveness.unansweredPings == 0)
    }
    #expect(stage.ear.closed.isEmpty)
  }

  @Test("pings of many are counted together, without those that were heard or have left meanwhile")
  func together() throws {
    let stage = Stage()
    var ids: [ConnectionID] = []
    for number in 0..<250 {
      let id = try #require(ConnectionID("C\(1_000 + number)="))
      _ = try stage.connect(id: id)
      ids.append(id)
    }
    let records = try stage.connections.connections(ids).compactMap { $0 }
    stage.clock.advance(seconds: 120)
    _ = try stage.say(Self.pong, id: ids[3])
    try stage.connections.disconnect(id: ids[7])
    try stage.connections.recordPings(of: records)
    let counted = try stage.connections.connections(ids).map { $0?.liveness.unansweredPings }
    #expect(counted.count { $0 == 1 } == 248 && counted[3] == 0 && counted[7] == nil)
  }

  @Test("one that has left without a word is found by the ping, and its rows go; one that cannot be told stays")
  func goneOrBusy() throws {
    let stage = try connected([("userId", "u-1")])
    stage.ear.refusing = [stage.id.text]
    #expect(try minutes(9, stage) == [])
    #expect(try stage.connections.connection(id: stage.id)?.liveness.unansweredPings == 0)
    stage.ear.refusing = []
    stage.ear.gone = [stage.id.text]
    stage.clock.advance(seconds: 60)
    #expect(try stage.publish(#"{"sweep":{}}"#).contains(#""gone":1"#))
    #expect(try stage.connections.connections(of: "u-1").isEmpty)
  }

  @Test("PING_SECONDS=0 pings nobody, and a table that fails keeps the sweep from nothing else")
  func off() throws {
    let stage = try connected()
    stage.limits.pingSeconds = 0
    #expect(try minutes(20, stage) == [])
    stage.limits.pingSeconds = 120
    let table = FailingTable(stage.table, failing: 5)
    _ = try stage.publish(#"{"sweep":{}}"#, over: table)
    #expect(stage.lines(saying: "silent connections not pinged").count == 1)
  }

  @Test("an environment reads the row of a connection again only when it may have been silent for long")
  func watch() throws {
    var watch = PingWatch()
    let id = try #require(ConnectionID("a="))
    var due: [Bool] = []
    // The last but one is not met in its sweep: it has left, or is not known any more.
    for (moment, isMet) in [(0, true), (99, true), (99, true), (100, true), (99, false), (99, true)] {
      if isMet { due.append(watch.isDue(id, nowMilliseconds: Int64(moment))) }
      if moment == 0 { watch.wait(id, until: 100) }
      watch.endSweep()
    }
    #expect(due == [true, false, false, true, true])
  }
}
