import ConnectionStore
import EventLog
import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Connections
@testable import DefaultHandler

@Suite("hello")
struct HelloTests {
  private func connected(_ query: [(String, String)] = []) throws -> Stage {
    let stage = Stage()
    _ = try stage.connect(query)
    return stage
  }

  private func frames(_ stage: Stage) -> [String] { stage.ear.frames(to: stage.id) }

  private func publish(_ stage: Stage, _ type: String, _ key: String?, _ data: Int) throws {
    let member = key.map { "\"key\":\"\($0)\"," } ?? ""
    _ = try stage.publish("{\"type\":\"\(type)\",\(member)\"data\":\(data)}")
    stage.clock.advance(milliseconds: 100)
  }

  private func cursor(in frame: String?) throws -> String {
    let after = try #require(frame?.split(separator: "\"cursor\":\"").last)
    return String(after.prefix { $0 != "\"" })
  }

  @Test("is answered by posts, each with the count of hellos: connection, the state, what came after it, ready")
  func first() throws {
    let stage = try connected()
    for (key, data) in [("AAPL", 1), ("MSFT", 2), ("AAPL", 3)] { try publish(stage, "price:update", key, data) }
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    let unsent = Event(type: "price:update", key: "AAPL", data: bytes("4"), id: "1-x", timestamp: "")
    _ = try log.append([unsent], to: "all/price:update")
    #expect(try stage.say(#"{"type":"hello","n":2,"eventTypes":["price:update"],"accept":["batch"]}"#) == nil)
    let frames = frames(stage)
    try #require(frames.map { $0.contains(#""replay":2"#) } == [true, true, true, true, true])
    #expect(frames[0].hasPrefix(#"{"type":"connection","status":"connected","connectionId":"R0oXAdfD0kwCH6w=""#))
    #expect(frames[1].hasPrefix(#"{"type":"snapshot","replay":2,"stream":"all/price:update","seq":3,"events":["#))
    #expect(frames[1].contains(#""seq":2,"#) && frames[1].hasSuffix(#""data":3}]}"#))
    #expect(frames[2].hasPrefix(#"{"type":"price:update","key":"AAPL","id":"1-x","stream":"all/price:update","seq":4"#))
    #expect(frames[3] == #"{"type":"snapshot","replay":2,"stream":"all/announcement","seq":0,"events":[]}"#)
    #expect(frames[4].hasPrefix(#"{"type":"ready","replay":2,"cursor":""#))
    #expect(Cursor(try cursor(in: frames[4]))?.isEmpty == false)
  }

  @Test("with the cursor of a ready gets what was missed, once and in order, and nothing that it has")
  func resumed() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello","eventTypes":["price:update"]}"#)
    let cursor = try cursor(in: frames(stage).last)
    _ = try stage.disconnect()
    for data in 1...3 { try publish(stage, "price:update", "AAPL", data) }
    let id = try #require(ConnectionID("second="))
    _ = try stage.connect(id: id)
    _ = try stage.say(
      "{\"type\":\"hello\",\"n\":1,\"cursor\":\"\(cursor)\",\"eventTypes\":[\"price:update\"]}", id: id)
    let frames = stage.ear.frames(to: id)
    try #require(frames.count == 6)
    #expect(frames[1].hasPrefix("{\"type\":\"resume\",\"replay\":1,\"from\":\"\(cursor)\",\"to\":\""))
    #expect(frames[1].hasSuffix(#""recovered":"all","missed":0,"reason":null}"#))
    #expect(frames[2...4].map { $0.contains(#""replay":1,"#) } == [true, true, true])
    #expect(frames[2...4].map { $0.suffix(9) } == [#""data":1}"#, #""data":2}"#, #""data":3}"#])
    // What came since the cursor is not asked for again.
    _ = try stage.say(
      "{\"type\":\"hello\",\"n\":2,\"cursor\":\"\(cursor)\",\"seen\":{\"all/price:update\":2}}", id: id)
    let second = stage.ear.frames(to: id).dropFirst(6)
    #expect(second.count == 4 && second.dropFirst(2).first?.hasSuffix(#""data":3}"#) == true)
  }

  @Test("said again with keys that are new to its type, it brings their state once, also if its answer was broken off")
  func moreKeys() throws {
    let stage = try connected()
    func said(_ count: Int, _ keys: String, cursor: String) throws -> [String] {
      let before = frames(stage).count
      _ = try stage.say(
        "{\"type\":\"hello\",\"n\":\(count),\"eventTypes\":[\"price:update\"],\"keys\":[\(keys)]\(cursor)}")
      return Array(frames(stage).dropFirst(before))
    }
    _ = try said(1, #""AAPL""#, cursor: "")
    for (key, data) in [("MSFT", 1), ("AAPL", 2), ("GOOG", 3)] { try publish(stage, "price:update", key, data) }
    let place = ",\"cursor\":\"\(try cursor(in: said(2, #""AAPL""#, cursor: "").last))\""
    // The rest of its answer is lost on the way.
    stage.ear.beforePost = { if $0.contains("snapshot") { throw LostAnswer() } }
    #expect(throws: LostAnswer.self) { try said(3, #""AAPL","MSFT""#, cursor: place) }
    stage.ear.beforePost = nil
    let states = try said(4, #""AAPL","MSFT""#, cursor: place).filter { $0.contains("snapshot") }
    #expect(states.count == 1)
    #expect(states.first?.hasPrefix(#"{"type":"snapshot","replay":4,"stream":"all/price:update","seq":3,"#) == true)
    #expect(states.first?.contains(#""seq":1,"#) == true && states.first?.contains("AAPL") == false)
    #expect(try !said(5, #""AAPL","MSFT""#, cursor: place).contains { $0.contains("snapshot") })
    #expect(try stage.connections.connection(id: stage.id)?.owed == [])
  }

  @Test(
    "a cursor that cannot be read, or is none of this log, gets the state and says so; none is an error",
    arguments: ["AQ!", "", "AA", "not a cursor", String(repeating: "A", count: 2_000)])
  func unreadable(cursor: String) throws {
    let stage = try connected()
    try publish(stage, "signal", "k", 1)
    _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\",\"eventTypes\":[\"signal\"]}")
    let frames = frames(stage)
    try #require(frames.count == 5)
    #expect(frames[1].contains(#""from":null"#))
    #expect(
      frames[1].contains(#""recovered":"none","missed":null,"reason":"unknown","streams":[{"stream":"all/signal""#))
    #expect(frames[2].hasPrefix(#"{"type":"snapshot""#) && frames[4].hasPrefix(#"{"type":"ready""#))
  }

  @Test("a cursor ahead of the log, or of a log before this one, is told so and gets the state")
  func otherEpoch() throws {
    let stage = try connected()
    try publish(stage, "signal", "k", 1)
    let epoch = try #require(try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: "all/signal"))
      .epoch
    for (epoch, sequence) in [(epoch, 7), ("1-old", 1)] as [(String, Int64)] {
      var cursor = Cursor()
      cursor.set(stream: "all/signal", epoch: epoch, to: sequence)
      let before = frames(stage).count
      _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\",\"eventTypes\":[\"signal\"]}")
      let frames = frames(stage).dropFirst(before)
      #expect(frames.dropFirst().first?.contains(#""recovered":"none","missed":null,"reason":"epoch""#) == true)
      #expect(frames.dropFirst(2).first?.hasPrefix(#"{"type":"snapshot""#) == true)
    }
  }

  @Test("a cursor that tells of other people's streams gives nothing of them")
  func foreign() throws {
    let stage = try connected([("userId", "u-1"), ("role", "viewer")])
    _ = try stage.publish(#"{"type":"note","user":"u-2","data":"secret"}"#)
    _ = try stage.publish(#"{"type":"risk","data":"secret"}"#)
    var cursor = Cursor()
    for stream in ["user/u-2", "all/risk"] {
      let epoch = try #require(try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: stream)).epoch
      cursor.set(stream: stream, epoch: epoch, to: 0)
    }
    _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\",\"eventTypes\":[\"signal\",\"risk\"]}")
    #expect(!frames(stage).joined().contains("secret"))
    let first = try #require(frames(stage).first)
    #expect(first.contains(#""refused":[{"name":"risk","code":"not_allowed""#))
  }

  @Test("what the log no longer holds is counted, and the state told instead")
  func expired() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
    let cursor = try cursor(in: frames(stage).last)
    for data in 1...3 { try publish(stage, "signal", "k\(data)", data) }
    stage.clock.advance(seconds: 26 * 60 * 60)
    let id = try #require(ConnectionID("second="))
    _ = try stage.connect(id: id)
    try publish(stage, "signal", "k3", 4)
    _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\",\"eventTypes\":[\"signal\"]}", id: id)
    let frames = stage.ear.frames(to: id)
    try #require(frames.count == 5)
    #expect(frames[1].contains(#""recovered":"part","missed":3,"reason":"expired""#))
    #expect(frames[2].contains(#""seq":3,"events":["#))
    #expect(
      frames[2].contains(#""data":1}"#) && frames[2].contains(#""data":2}"#) && !frames[2].contains(#""data":3}"#))
    #expect(frames[3].hasSuffix(#""data":4}"#))
  }

  @Test("more than one answer holds is trimmed to the newest, and the rest counted")
  func trimmed() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
    let cursor = try cursor(in: frames(stage).last)
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    _ = try log.append(
      (1...700).map { Event(type: "signal", key: "k", data: bytes("\($0)"), id: "1-\($0)", timestamp: "") },
      to: "all/signal")
    let before = frames(stage).count
    _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\"}")
    let frames = frames(stage).dropFirst(before)
    #expect(frames.dropFirst().first?.contains(#""recovered":"part","missed":200,"reason":"trimmed""#) == true)
    #expect(frames.count == 504)
  }

  @Test("an event that is published while hello is answered comes live or in the answer")
  func noRace() throws {
    for moment in 0..<5 {
      let stage = try connected()
      try publish(stage, "signal", "k", 1)
      var posts = 0
      stage.ear.beforePost = { _ in
        posts += 1
        if posts == moment + 1 { _ = try stage.publish(#"{"type":"signal","key":"k","data":2}"#) }
      }
      _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
      stage.ear.beforePost = nil
      if moment == 4 {
        // Connection, two states and ready: there is no fifth.
        #expect(posts == 4)
        continue
      }
      #expect(frames(stage).count { $0.hasSuffix(#""data":2}"#) } == 1, "before post \(moment)")
    }
  }

  @Test("a hello that is not answered to its end has no ready")
  func cutShort() throws {
    let stage = try connected()
    try publish(stage, "signal", "k", 1)
    stage.ear.beforePost = { frame in
      if frame.hasPrefix(#"{"type":"snapshot""#) { stage.clock.advance(seconds: 40) }
    }
    _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
    #expect(!frames(stage).joined().contains("ready"))
  }

  @Test(
    "a plain subscribe gets the state, then its acknowledgement; the dialects of the source protocols get it as events")
  func subscribe() throws {
    for (dialect, beginning) in [("typed", #"{"type":"snapshot","stream""#), ("flat", #"{"type":"signal","data":1,"#)] {
      let stage = try connected([("dialect", dialect)])
      try publish(stage, "signal", "k", 1)
      let answer = try stage.say(#"{"type":"subscribe","eventTypes":["signal"]}"#)
      #expect(answer?.hasPrefix(#"{"type":"subscribed""#) == true)
      #expect(frames(stage).count == 1 && frames(stage)[0].hasPrefix(beginning), "\(frames(stage))")
    }
  }

  @Test("a connection whose credential has expired is told so and closed, whatever it says, and shown nothing more")
  func expiredCredential() throws {
    for frame in [
      nil, #"{"type":"ping"}"#, #"{"type":"status"}"#, #"{"type":"hello"}"#,
      #"{"type":"subscribe","eventTypes":["risk"]}"#, #"{"type":"unsubscribe","eventTypes":["signal"]}"#,
    ] {
      let stage = Stage()
      var record = ConnectionRecord(
        id: stage.id, principal: Principal(user: nil, role: .admin), connectedAtMilliseconds: 0,
        untilMilliseconds: stage.clock.clock.milliseconds() + 1_000)
      _ = record.subscriptions.apply(
        SubscriptionChange(
          add: SubscriptionRequest(names: ["signal"]).resolved(for: .admin, types: .standard).accepted,
          order: Order(count: 1, milliseconds: 0, messageID: "m")))
      _ = try stage.connections.connect(record: record)
      _ = try stage.publish(#"{"type":"signal","data":1}"#)
      #expect(frames(stage).count == 1)
      stage.clock.advance(seconds: 2)
      if let frame {
        #expect(try stage.say(frame) == nil)
      } else {
        // It says nothing: the next event would have been for it.
        #expect(try stage.publish(#"{"type":"signal","data":2}"#).contains(#""gone":1"#))
        try stage.runInvocations()
        #expect(try stage.connections.connection(id: stage.id) == nil)
      }
      #expect(frames(stage).count == 2 && frames(stage)[1].contains(#""code":"expired""#))
      #expect(Set(stage.ear.closed) == [stage.id.text])
    }
  }

  @Test(
    "one that says nothing and gets nothing is told so and closed by the sweep of that minute; who has not ended stays")
  func sweptCredential() throws {
    let stage = Stage()
    let now = stage.clock.clock.milliseconds()
    for (name, until) in [("ends=", now + 60_000), ("stays=", now + 120_000), ("endless=", nil)] {
      let record = ConnectionRecord(
        id: try #require(ConnectionID(name)), principal: Principal(user: "u-1", role: .viewer),
        connectedAtMilliseconds: 0, untilMilliseconds: until)
      #expect(try stage.connections.connect(record: record) == .connected)
    }
    stage.clock.advance(seconds: 59)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.ear.closed.isEmpty)
    stage.clock.advance(seconds: 2)
    // A table that fails keeps nothing else of the sweep from being done, and the next one closes it.
    let failing = FailingTable(stage.table, failing: 1)
    _ = try? stage.publish(#"{"sweep":{}}"#, over: failing)
    #expect(stage.ear.closed.isEmpty)
    #expect(try stage.publish(#"{"sweep":{}}"#).contains(#""gone":1"#))
    #expect(stage.ear.closed == ["ends="])
    let ends = try #require(ConnectionID("ends="))
    #expect(stage.ear.frames(to: ends).count == 1 && stage.ear.frames(to: ends)[0].contains(#""code":"expired""#))
    #expect(try stage.connections.connections(of: "u-1").count == 2)
    _ = try stage.publish(#"{"sweep":{}}"#)
    #expect(stage.ear.closed == ["ends="])
  }

  @Test("what is kept for a user lapses five minutes after the last client was seen, and not while one is there")
  func lapse() throws {
    for (away, isKept) in [(Int64(4 * 60), true), (6 * 60, false)] {
      let stage = try connected([("userId", "u-1")])
      _ = try stage.say(#"{"type":"hello"}"#)
      let cursor = try cursor(in: frames(stage).last)
      _ = try stage.disconnect()
      _ = try stage.publish(#"{"type":"note","user":"u-1","data":1}"#)
      stage.clock.advance(seconds: away)
      let id = try #require(ConnectionID("second="))
      _ = try stage.connect([("userId", "u-1")], id: id)
      _ = try stage.publish(#"{"type":"note","user":"u-1","data":2}"#)
      for _ in 0..<2 {
        let before = stage.ear.frames(to: id).count
        _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\"}", id: id)
        let frames = stage.ear.frames(to: id).dropFirst(before)
        let expected = isKept ? #""recovered":"all","missed":0"# : #""recovered":"part","missed":1,"reason":"expired""#
        #expect(frames.contains { $0.contains(expected) }, "\(frames)")
        #expect(frames.contains { $0.hasSuffix(#""data":1}"#) } == isKept)
        #expect(frames.contains { $0.hasSuffix(#""data":2}"#) })
      }
    }
    let stage = try connected([("userId", "u-1")])
    _ = try stage.connect([("userId", "u-1")], id: ConnectionID("other="))
    _ = try stage.disconnect()
    stage.clock.advance(seconds: 600)
    _ = try stage.publish(#"{"type":"note","user":"u-1","data":1}"#)
    let third = try #require(ConnectionID("third="))
    _ = try stage.connect([("userId", "u-1")], id: third)
    var cursor = Cursor()
    cursor.set(stream: "user/u-1", epoch: "", to: 0)
    _ = try stage.say(
      "{\"type\":\"hello\",\"cursor\":\"\(cursor.text)\"}", id: third)
    #expect(stage.ear.frames(to: third).contains { $0.hasSuffix(#""data":1}"#) })
  }

  @Test(
    "what is kept for a user does not lapse while another client of the user is there, whatever that one lacked")
  func otherClientPresent() throws {
    for hasHistory in [true, false] {
      let stage = try connected([("userId", "u-1")])
      if hasHistory { _ = try stage.publish(#"{"type":"note","user":"u-1","data":0}"#) }
      _ = try stage.say(#"{"type":"hello"}"#)
      let cursor = try cursor(in: frames(stage).last)
      _ = try stage.disconnect()
      // Another one comes soon, lacks nothing, and stays.
      stage.clock.advance(seconds: 60)
      let other = try #require(ConnectionID("other="))
      _ = try stage.connect([("userId", "u-1")], id: other)
      _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\"}", id: other)
      stage.clock.advance(seconds: 600)
      _ = try stage.publish(#"{"type":"note","user":"u-1","data":1}"#)
      let third = try #require(ConnectionID("third="))
      _ = try stage.connect([("userId", "u-1")], id: third)
      _ = try stage.say("{\"type\":\"hello\",\"cursor\":\"\(cursor)\"}", id: third)
      let frames = stage.ear.frames(to: third)
      #expect(frames.contains { $0.contains(#""recovered":"all","missed":0"#) }, "\(frames)")
      #expect(frames.contains { $0.hasSuffix(#""data":1}"#) }, "\(frames)")
    }
  }

  @Test("a pong's cursor does not pass what a connection lacks")
  func pongWhileLagging() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
    for data in 1...3 { try publish(stage, "signal", nil, data) }
    let epoch = try #require(try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: "all/signal"))
      .epoch
    try LagRows(table: stage.table, clock: stage.clock.clock).record(
      [Lag(id: stage.id, from: 2)], stream: "all/signal", epoch: epoch)
    let pong = try #require(try stage.say(#"{"type":"ping"}"#))
    #expect(Cursor(try cursor(in: pong))?.sequence(of: "all/signal", epoch: epoch) == 1)
  }
}

private struct LostAnswer: Error {}
