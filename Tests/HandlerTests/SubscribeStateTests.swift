import ConnectionStore
import EventLog
import JSON
import Messaging
import TestSupport
import Testing

/// What a client that knows no hello is shown when it subscribes: the state, and then everything after it.
@Suite("The state of what is new, and everything after it")
struct SubscribeStateTests {
  private static let subscribe = #"{"type":"subscribe","eventTypes":["price:update"]}"#

  /// A frame as its reader sees it.
  private enum Shown: Equatable {
    case state(through: Int, [String: Int])
    case event(Int, key: String, value: Int)
  }

  private func shown(_ stage: Stage, from callIndex: Int = 0) throws -> [Shown] {
    try stage.ear.frames(to: stage.id).dropFirst(callIndex).map { frame in
      var reader = JSONReader(bytes(frame))
      let tree = try FrameTree(&reader)
      guard tree.type == "snapshot" else {
        return .event(tree.seq, key: tree.key, value: tree.data)
      }
      return .state(
        through: tree.seq, Dictionary(tree.events.map { ($0.key, $0.data) }, uniquingKeysWith: { $1 }))
    }
  }

  private func publish(_ stage: Stage, _ key: String, _ value: Int, over table: (any Table)? = nil) throws {
    let event = "{\"type\":\"price:update\",\"key\":\"\(key)\",\"data\":\(value)}"
    _ = try stage.publish(event, over: table)
  }

  /// What was asked for with nobody waiting for it.
  private func runInvocations(_ stage: Stage) throws {
    for payload in stage.invocations.takeAll() { _ = try stage.publish(payload) }
  }

  /// A connection, three events that were sent before it listens, and the sum of them as a state.
  private func stage() throws -> Stage {
    let stage = Stage()
    _ = try stage.connect()
    for (key, value) in [("A", 1), ("B", 2), ("A", 3)] { try publish(stage, key, value) }
    return stage
  }

  /// One state, then each event that came after it, once and in order.
  private func expectWhole(_ shown: [Shown], last: Int, _ run: String) {
    guard case .state(let through, let values)? = shown.first else {
      Issue.record("\(run): no state first: \(shown)")
      return
    }
    let events = [1: ("A", 1), 2: ("B", 2), 3: ("A", 3), 4: ("A", 4), 5: ("B", 5)]
    var state: [String: Int] = [:]
    for seq in 1...through { state[events[seq]!.0] = events[seq]!.1 }
    let rest = (through + 1..<last + 1).map { Shown.event($0, key: events[$0]!.0, value: events[$0]!.1) }
    // Of a key that has something newer by now only the newer is told.
    let newer = Set((through + 1..<last + 1).map { events[$0]!.0 })
    #expect(state.allSatisfy { values[$0] == $1 || values[$0] == nil && newer.contains($0) }, "\(run)")
    #expect(values.allSatisfy { state[$0] == $1 }, "\(run)")
    #expect(Array(shown.dropFirst()) == rest, "\(run): \(shown)")
  }

  @Test("a subscribe whose state there was no time for is not acknowledged; after an unsubscribe it brings the state")
  func outOfTime() throws {
    let stage = try stage()
    _ = try stage.publish(#"{"type":"stream:market_data","key":"C","data":{"n":4}}"#)
    stage.ear.beforePost = { [clock = stage.clock] _ in clock.advance(seconds: 30) }
    let both = #"{"type":"subscribe","n":1,"eventTypes":["price:update","stream:market_data"]}"#
    #expect(try stage.say(both)?.contains(#""code":"out_of_time""#) == true)
    #expect(stage.ear.frames(to: stage.id).count == 1)
    stage.ear.beforePost = nil
    _ = try stage.say(#"{"type":"unsubscribe","n":2,"eventTypes":["price:update","stream:market_data"]}"#)
    let again = #"{"type":"subscribe","n":3,"eventTypes":["price:update","stream:market_data"]}"#
    #expect(try stage.say(again)?.contains(#""type":"subscribed""#) == true)
    #expect(stage.ear.frames(to: stage.id).dropFirst().filter { $0.contains(#""type":"snapshot""#) }.count == 2)
  }

  @Test("whatever is published between any two steps of a subscribe comes once, after the state or in it")
  func publishedMeanwhile() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let stage = try stage()
      let table = InterruptedTable(stage.table, before: callIndex) {
        try publish(stage, "A", 4)
        stage.clock.advance(milliseconds: 200)
      }
      let answer = try stage.say(Self.subscribe, over: table)
      guard table.isInterrupted else { break }
      if let error = table.error { throw error }
      #expect(answer?.hasPrefix(#"{"type":"subscribed""#) == true)
      try runInvocations(stage)
      try publish(stage, "B", 5)
      expectWhole(try shown(stage), last: 5, "interrupted at call \(callIndex)")
    }
    #expect(callIndex > 8)
  }

  @Test("a subscribe between any two steps of a publish loses nothing and repeats nothing")
  func subscribedMeanwhile() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let stage = try stage()
      let table = InterruptedTable(stage.table, before: callIndex) { _ = try stage.say(Self.subscribe) }
      try publish(stage, "A", 4, over: table)
      guard table.isInterrupted else { break }
      if let error = table.error { throw error }
      try runInvocations(stage)
      expectWhole(try shown(stage), last: 4, "interrupted at call \(callIndex)")
      stage.clock.advance(milliseconds: 200)
      try publish(stage, "B", 5)
      expectWhole(try shown(stage), last: 5, "interrupted at call \(callIndex)")
    }
    #expect(callIndex > 8)
  }

  @Test(
    "what it lacks comes at once by a sender that is asked, also where another had the lease and did not know of it")
  func leaseTaken() throws {
    let stage = try stage()
    let checkpoints = Checkpoints(table: stage.table, clock: stage.clock.clock)
    var log = StreamLog(table: stage.table, clock: stage.clock.clock)
    var lease = try #require(try checkpoints.acquire(stream: "all/price:update"))
    let event = Event(type: "price:update", key: "A", data: bytes("4"), id: "1-x", timestamp: "")
    _ = try log.append([event], to: "all/price:update")
    _ = try stage.say(Self.subscribe)
    #expect(stage.invocations.payloads == [#"Publisher {"sendPending":"all/price:update"}"#])
    // It gives the lease up while whoever was asked waits for it.
    let table = InterruptedTable(stage.table, before: 5) { _ = try checkpoints.write(&lease, releasing: true) }
    for payload in stage.invocations.takeAll() { _ = try stage.publish(payload, over: table) }
    #expect(table.isInterrupted && table.error == nil)
    expectWhole(try shown(stage), last: 4, "lease taken")
  }

  @Test("a key that is added to others of its type gets its state, and the newest of every key is shown last")
  func addedKey() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let stage = Stage()
      _ = try stage.connect()
      _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"],"keys":["A"]}"#)
      for (key, value) in [("A", 1), ("B", 2), ("A", 3)] { try publish(stage, key, value) }
      #expect(try shown(stage).count == 2)
      let table = InterruptedTable(stage.table, before: callIndex) {
        try publish(stage, "B", 4)
        try publish(stage, "A", 5)
      }
      let frame = #"{"type":"subscribe","eventTypes":["price:update"],"keys":["B"]}"#
      _ = try stage.say(frame, over: table)
      if let error = table.error { throw error }
      try runInvocations(stage)
      var newest: [String: Int] = [:]
      for one in try shown(stage) {
        switch one {
        case .state(_, let values):
          #expect(values["A"] == nil, "what it has already")
          newest.merge(values) { $1 }
        case .event(_, let key, let value): newest[key] = value
        }
      }
      guard table.isInterrupted else {
        #expect(newest == ["A": 3, "B": 2])
        break
      }
      #expect(newest == ["A": 5, "B": 4], "interrupted at call \(callIndex)")
    }
    #expect(callIndex > 8)
  }

  @Test("subscribes to one type that cross hold up nothing: what comes next is sent at once, once, after both states")
  func crossing() throws {
    var callIndex = 0
    while true {
      callIndex += 1
      let stage = try stage()
      let first = #"{"type":"subscribe","eventTypes":["price:update"],"keys":["A"]}"#
      let second = #"{"type":"subscribe","eventTypes":["price:update"],"keys":["B"]}"#
      let table = InterruptedTable(stage.table, before: callIndex) { _ = try stage.say(second) }
      _ = try stage.say(first, over: table)
      if let error = table.error { throw error }
      guard table.isInterrupted else { break }
      try publish(stage, "A", 4)
      try publish(stage, "B", 5)
      let events = try shown(stage).filter { if case .event = $0 { true } else { false } }
      let expected = [Shown.event(4, key: "A", value: 4), .event(5, key: "B", value: 5)]
      #expect(events == expected, "interrupted at call \(callIndex)")
    }
    #expect(callIndex > 8)
  }

  @Test("what it has already is not shown again, and what is refused holds nothing")
  func nothingNew() throws {
    let stage = try stage()
    _ = try stage.say(Self.subscribe)
    let before = try shown(stage).count
    _ = try stage.say(Self.subscribe)
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"],"keys":["A"]}"#)
    let keys = (0..<200).map { "\"k\($0)\"" }.joined(separator: ",")
    let refused = try stage.say("{\"type\":\"subscribe\",\"eventTypes\":[\"signal\"],\"keys\":[\(keys)]}")
    #expect(refused?.contains("too_many_subscriptions") == true)
    #expect(try shown(stage).count == before)
    let rows = LagRows(table: stage.table, clock: stage.clock.clock)
    #expect(try rows.row(stream: "all/signal", id: stage.id) == nil)
  }

  @Test("a connection that lagged already is shown the state as of there, and then what it lacked")
  func alreadyLagging() throws {
    let stage = Stage()
    _ = try stage.connect()
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"],"keys":["A"]}"#)
    for (key, value) in [("B", 1), ("A", 2), ("B", 3), ("A", 4)] { try publish(stage, key, value) }
    let epoch = try #require(
      try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: "all/price:update")
    ).epoch
    let rows = LagRows(table: stage.table, clock: stage.clock.clock)
    try rows.record([Lag(id: stage.id, from: 2, failures: 3)], stream: "all/price:update", epoch: epoch)
    let before = stage.ear.frames(to: stage.id).count
    _ = try stage.say(#"{"type":"subscribe","eventTypes":["price:update"],"keys":["B"]}"#)
    try runInvocations(stage)
    let events = try shown(stage, from: before).filter { if case .event = $0 { true } else { false } }
    #expect(events == [.event(3, key: "B", value: 3), .event(4, key: "A", value: 4)])
    #expect(try rows.row(stream: "all/price:update", id: stage.id) == nil)
  }

  @Test("a failure at any call of a subscribe loses nothing: what was paused goes on by itself")
  func failing() throws {
    var stages: [Stage] = []
    let most = try failEachCall {
      stages = [try stage()]
      return stages[0].table
    } _: { table in
      _ = try stages[0].say(Self.subscribe, over: table)
    } check: { _, error, run in
      let stage = stages[0]
      // The client says it again, as nothing was acknowledged.
      if error != nil {
        _ = try stage.say(Self.subscribe)
        let last = try shown(stage).last
        #expect(last == .state(through: 3, ["A": 3, "B": 2]), "\(run)")
      }
      stage.clock.advance(milliseconds: LagRows.pauseMilliseconds + 1)
      try publish(stage, "A", 4)
      try runInvocations(stage)
      let events = try shown(stage).filter { if case .event = $0 { true } else { false } }
      #expect(events == [.event(4, key: "A", value: 4)], "\(run)")
    }
    #expect(most > 8)
  }
}

/// What of a frame these tests look at.
private struct FrameTree {
  var type = ""
  var key = ""
  var seq = 0
  var data = 0
  var events: [FrameTree] = []

  init(_ reader: inout JSONReader) throws {
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "type": type = try reader.string()
      case "key": key = try reader.string()
      case "seq": seq = Int(try reader.integer())
      case "data": data = Int(try reader.integer())
      case "events":
        try reader.beginArray()
        while try reader.nextElement() { events.append(try FrameTree(&reader)) }
      default: try reader.skip()
      }
    }
  }
}
