import ConnectionStore
import Connections
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import DefaultHandler

@Suite("greetings")
struct GreetingTests {
  private static let established = #"{"type":"connection_established","data":{"connectionId":"R0oXAdfD0kwCH6w=""#
  private static let credit = #"{"type":"connection","status":"connected"}"#

  private func connected(_ query: [(String, String)] = []) throws -> Stage {
    let stage = Stage()
    stage.greetsClients = true
    _ = try stage.connect(query)
    return stage
  }

  private func frames(_ stage: Stage) -> [String] { stage.ear.frames(to: stage.id) }

  private func greet(_ stage: Stage) throws { #expect(try stage.greet("{\"greet\":\"\(stage.id.text)\"}") == "{}") }

  private func publish(_ stage: Stage, _ data: Int) throws {
    _ = try stage.publish("{\"type\":\"signal\",\"key\":\"k\",\"data\":\(data)}")
    stage.clock.advance(milliseconds: 100)
  }

  @Test("a client that says no hello is greeted in its dialect once it is connected, then shown the state")
  func greeting() throws {
    for (dialect, beginnings) in [
      ("typed", [Self.established, #"{"type":"snapshot","stream":"all/signal""#]),
      ("flat", [Self.credit, #"{"type":"signal""#]), ("message", [#"{"type":"data","message":{"channel":"signal:k""#]),
    ] {
      let stage = try connected([("dialect", dialect), ("eventTypes", "signal")])
      try publish(stage, 1)
      let before = frames(stage).count
      // Whatever comes first finds that $connect has not ended yet.
      stage.ear.notYet = 3
      try greet(stage)
      let after = frames(stage).dropFirst(before)
      #expect(after.count == beginnings.count && zip(after, beginnings).allSatisfy { $0.hasPrefix($1) }, "\(after)")
    }
  }

  @Test("it is greeted whether or not the URL names types, unless it says there that a hello will come")
  func asksForGreeting() throws {
    let access = ["ACCESS": "open", "GREETING_FUNCTION": "DefaultHandler"]
    for (query, isGreeted) in [
      ([("dialect", "flat")], true), ([("eventTypes", "signal")], true), ([("userId", "u-1")], true),
      ([("eventTypes", "")], true), ([("hello", "0")], true), ([("hello", "1")], false),
      ([("dialect", "flat"), ("hello", "1")], false),
    ] {
      let stage = Stage()
      stage.greetsClients = true
      _ = try stage.connect(query, access: access)
      let expected =
        #"DefaultHandler {"greet":"R0oXAdfD0kwCH6w=","domainName":"127.0.0.1:8000","stage":"dev"}"#
      #expect(stage.invocations.payloads == (isGreeted ? [expected] : []), "\(query)")
      try greet(stage)
      _ = try stage.say(#"{"type":"ping"}"#)
      #expect(frames(stage).count == (isGreeted ? 1 : 0), "\(query)")
      stage.invocations.isRefusing = true
      #expect(try stage.connect(query, access: access, id: ConnectionID("other=")) == Stage.connected)
    }
    let stage = Stage()
    stage.greetsClients = true
    #expect(try stage.connect([("hello", "yes")]).contains("hello must be 1 or 0"))
  }

  @Test(
    "the first frame that gets an answer posts the greeting if nobody has, before anything else; nobody posts a second",
    arguments: [
      #"{"type":"ping"}"#, #"{"type":"status"}"#, #"{"type":"subscribe","eventTypes":["signal"]}"#,
      #"{"type":"unsubscribe","eventTypes":["signal"]}"#, "not json", #"{"type":"dance"}"#,
      #"{"type":"subscribe","eventTypes":["risk"]}"#,
    ])
  func byTheFirstFrame(frame: String) throws {
    for (dialect, beginning) in [("typed", Self.established), ("flat", Self.credit)] {
      let stage = try connected([("dialect", dialect), ("role", "viewer")])
      try publish(stage, 1)
      for _ in 0..<2 {
        #expect(try stage.say(frame) != nil)
        #expect(frames(stage).first?.hasPrefix(beginning) == true, "\(frames(stage))")
      }
      try greet(stage)
      #expect(frames(stage).count { $0.hasPrefix(beginning) } == 1, "\(frames(stage))")
    }
  }

  @Test("nor does a frame post one that was posted; a pong gets no answer and no greeting")
  func afterTheGreeting() throws {
    let stage = try connected()
    #expect(try stage.say(#"{"type":"pong"}"#) == nil)
    #expect(frames(stage).isEmpty)
    try greet(stage)
    for frame in [#"{"type":"ping"}"#, "not json", #"{"type":"unsubscribe","eventTypes":["signal"]}"#] {
      _ = try stage.say(frame)
    }
    #expect(frames(stage).count == 1)
  }

  @Test("where another process posts it, a frame's answer waits for it, and no longer than a second")
  func waiting() throws {
    let stage = try connected()
    #expect(try stage.connections.claimGreeting(of: stage.id))
    let start = stage.clock.clock.milliseconds()
    #expect(try stage.say(#"{"type":"ping"}"#)?.contains("pong") == true)
    #expect(frames(stage).isEmpty)
    #expect((1_000...1_010).contains(stage.clock.clock.milliseconds() - start))
    // It is posted while another frame waits.
    let other = try connected()
    #expect(try other.connections.claimGreeting(of: other.id))
    let moment = other.clock.clock.milliseconds()
    let table = ActingTable(other.table, atCall: 5) { try other.connections.recordGreeted(other.id) }
    #expect(try other.say(#"{"type":"ping"}"#, over: table)?.contains("pong") == true)
    #expect((20...200).contains(other.clock.clock.milliseconds() - moment))
  }

  @Test("a claim that a process left when it died is taken over after six seconds")
  func diedWithTheClaim() throws {
    let stage = try connected()
    #expect(try stage.connections.claimGreeting(of: stage.id))
    stage.clock.advance(seconds: 5)
    #expect(try !stage.connections.claimGreeting(of: stage.id))
    stage.clock.advance(seconds: 2)
    _ = try stage.say(#"{"type":"ping"}"#)
    #expect(frames(stage).count == 1)
  }

  @Test("who said hello, or has left, or never was, is not greeted")
  func noGreeting() throws {
    let stage = try connected()
    _ = try stage.say(#"{"type":"hello"}"#)
    let before = stage.ear.posts.count
    try greet(stage)
    _ = try stage.greet(#"{"greet":"nobody="}"#)
    _ = try stage.say(#"{"type":"ping"}"#)
    #expect(stage.ear.posts.count == before)
    // Who has left is asked for five seconds: so long its $connect may go on.
    let other = try connected([("dialect", "flat")])
    let start = other.clock.clock.milliseconds()
    other.ear.notYet = 1_000
    try greet(other)
    #expect(other.ear.posts.isEmpty && other.ear.notYet > 900)
    #expect(other.clock.clock.milliseconds() - start == 5_000)
  }

  @Test("an answer is given though the greeting could not be posted")
  func unposted() throws {
    struct Refused: Error {}
    let stage = try connected()
    stage.ear.beforePost = { _ in throw Refused() }
    #expect(try stage.say(#"{"type":"ping"}"#)?.contains("pong") == true)
    #expect(stage.lines(saying: "no greeting").count == 1)
  }
}

/// Does something before the table's n-th call.
private final class ActingTable: ForwardingTable {
  private let table: any Table
  private let place: Int
  private let action: () throws -> Void
  private var calls = 0

  init(_ table: any Table, atCall place: Int, action: @escaping () throws -> Void) {
    self.table = table
    self.place = place
    self.action = action
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    calls += 1
    if calls == place { try? action() }
    return try body(table)
  }
}
