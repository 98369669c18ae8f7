import ConnectionStore
import Connections
import Messaging
import TableBackends
import TestSupport
import Testing

@testable import EventLog

@Suite("the state of a user, with each append")
struct StateAppendTests {
  var stage = StateStage()

  private static func tables(_ name: String, _ stage: StateStage, _ folder: TemporaryFolder) throws -> any Table {
    name == "memory"
      ? MemoryTable(clock: stage.world.clock.clock)
      : try SQLiteTable(path: folder.file("\(UInt64.random(in: 0 ... .max)).db"), clock: stage.world.clock.clock)
  }

  @Test("orders, positions and strategies are kept by key, and a fill changes its order")
  func kept() throws {
    var log = stage.log()
    let outcomes = try log.append(
      [
        stage.order("o-1", #""symbol":"AAPL","qty":10,"status":"new""#),
        stage.order("o-2", #""symbol":"MSFT","qty":5,"status":"new""#),
        stage.fill("o-1", 4),
        stage.event("strategy:update", "s-1", #"{"strategyId":"s-1","status":"started"}"#),
        stage.event("alert:new", "a-1", #"{"alertId":"a-1"}"#),
      ], to: stage.stream)
    #expect(outcomes == (1...5).map { .appended(sequence: $0) })
    _ = try log.append([stage.order("o-2", #""status":"canceled""#)], to: stage.stream)
    #expect(
      try stage.states("orders") == [
        #"{"orderId":"o-1","symbol":"AAPL","qty":10,"status":"partially_filled","filledQty":4,"filledAvgPrice":1.50}"#,
        #"{"orderId":"o-2","symbol":"MSFT","qty":5,"status":"canceled"}"#,
      ])
    #expect(try stage.states("strategies") == [#"{"strategyId":"s-1","status":"started"}"#])
    #expect(try stage.states("positions").isEmpty)
    let orders = try #require(try stage.reader().orders(of: stage.stream))
    #expect(orders.head?.last == 6 && orders.values.map(\.sequence) == [3, 6] && orders.totalValue == nil)
    #expect(
      text(orders.snapshot(atMilliseconds: 1_767_349_800_000))
        == "{\"snapshot\":true,\"orders\":[\(try stage.states("orders").joined(separator: ","))],"
        + #""timestamp":"2026-01-02T10:30:00.000Z"}"#)
    // The log has the events as they were published.
    #expect(try stage.logged()[2] == #"{"orderId":"o-1","filledQty":4,"filledAvgPrice":1.50}"#)
  }

  @Test("a position says what all are worth with it, exactly; one of quantity 0 leaves")
  func positions() throws {
    var log = stage.log()
    _ = try log.append(
      [stage.position("AAPL", #""10""#, at: #""152.50""#), stage.position("MSFT", "1", at: "0.1")], to: stage.stream)
    _ = try log.append([stage.position("GOOG", "1", at: "0.2")], to: stage.stream)
    _ = try log.append([stage.position("AAPL", "0", at: "152.50")], to: stage.stream)
    #expect(
      try stage.logged() == [
        #"{"symbol":"AAPL","quantity":"10","currentPrice":"152.50","totalValue":1525.00}"#,
        #"{"symbol":"MSFT","quantity":1,"currentPrice":0.1,"totalValue":1525.10}"#,
        #"{"symbol":"GOOG","quantity":1,"currentPrice":0.2,"totalValue":1525.30}"#,
        #"{"symbol":"AAPL","quantity":0,"currentPrice":152.50,"totalValue":0.3}"#,
      ])
    let positions = try #require(try stage.reader().positions(of: stage.stream))
    #expect(positions.values.map(\.event.key) == ["MSFT", "GOOG"] && positions.totalValue?.description == "0.3")
    #expect(text(positions.snapshot(atMilliseconds: 0)).contains(#"],"totalValue":0.3,"timestamp":"#))
    #expect(try stage.reader().positions(of: "user/u-2")?.values.isEmpty == true)
    #expect(try stage.reader().positions(of: "user/u-2")?.totalValue?.description == "0")
  }

  @Test("events of groups are kept for the group, broadcasts and events without a key or an object are not kept")
  func whose() throws {
    var log = stage.log()
    var order = stage.order("o-1", #""status":"new""#)
    order.audience = .group("desk")
    _ = try log.append([order], to: "group/desk")
    order.audience = .everyone
    _ = try log.append([order], to: "all/order:update")
    _ = try log.append(
      [stage.event("order:update", nil, #"{"status":"new"}"#), stage.event("order:update", "o-2", "7")],
      to: stage.stream)
    #expect(try stage.reader().orders(of: "group/desk")?.values.count == 1)
    #expect(try stage.reader().orders(of: "all/order:update") == nil && stage.reader().states("x", of: "user/u") == nil)
    #expect(try stage.states("orders").isEmpty && stage.logged() == [#"{"status":"new"}"#, "7"])
  }

  @Test(
    "whichever call fails, said again with its keys each event stands once in the log and once in the state",
    arguments: ["memory", "sqlite"])
  func failures(backend: String) throws {
    let folder = TemporaryFolder()
    let events = [
      stage.order("o-1", #""qty":10,"status":"new""#, idempotencyKey: "1"), stage.fill("o-1", 10, idempotencyKey: "2"),
      stage.position("AAPL", "2", at: "1.5", idempotencyKey: "3"),
      stage.position("MSFT", "1", at: "0.25", idempotencyKey: "4"),
      stage.event("strategy:update", "s-1", #"{"strategyId":"s-1"}"#, idempotencyKey: "5"),
    ]
    let most = try failEachCall(over: {
      let table = try Self.tables(backend, stage, folder)
      var log = stage.log(over: table)
      _ = try log.append([stage.position("GOOG", "1", at: "3"), stage.order("o-0", #""n":1"#)], to: stage.stream)
      return table
    }) { table in
      var log = stage.log(over: table)
      _ = try log.append(events, to: stage.stream)
    } check: { table, error, run in
      let standing = try stage.states("positions", over: table)
      let logged = try stage.logged(over: table)
      // All of the append, or nothing: the state is that of the log at any moment.
      #expect(standing.count == (logged.count == 2 ? 1 : 3), "\(run)")
      var log = stage.log(over: table)
      _ = try log.append(events, to: stage.stream)
      let all = try stage.logged(over: table)
      #expect(
        all.count == 7 && all[4].hasSuffix(#""totalValue":6.0}"#) && all[5].hasSuffix(#""totalValue":6.25}"#), "\(run)")
      #expect(
        try stage.states("orders", over: table) == [
          #"{"orderId":"o-0","n":1}"#,
          #"{"orderId":"o-1","qty":10,"status":"filled","filledQty":10,"filledAvgPrice":1.50}"#,
        ], "\(run)")
      #expect(try stage.states("positions", over: table).count == 3, "\(run)")
      #expect(try stage.reader(over: table).owner(ofStrategy: "s-1") == stage.stream, "\(run)")
    }
    #expect(most >= 5)
  }

  @Test("two appends that read the same state are folded one after the other", arguments: 1...6)
  func race(callIndex: Int) throws {
    var first = stage.log()
    _ = try first.append([stage.position("AAPL", "1", at: "1")], to: stage.stream)
    let interrupted = InterruptedTable(stage.world.table, before: callIndex) {
      var other = stage.log()
      _ = try other.append(
        [stage.position("MSFT", "1", at: "10"), stage.order("o-1", #""a":1"#)], to: stage.stream)
    }
    var log = stage.log(over: interrupted)
    _ = try log.append([stage.order("o-1", #""b":2"#), stage.position("GOOG", "1", at: "100")], to: stage.stream)
    try interrupted.finish()
    let last = try #require(try stage.logged().last { $0.contains("totalValue") })
    #expect(last.hasSuffix(#""totalValue":111}"#), "\(callIndex)")
    #expect(try stage.reader().positions(of: stage.stream)?.totalValue?.description == "111")
    let order = try #require(try stage.states("orders").first)
    #expect(order.contains(#""a":1"#) && order.contains(#""b":2"#), "\(callIndex)")
  }

  @Test(
    "what is read beside an append lacks nothing: an event is in the state, or comes after its head", arguments: 1...3)
  func readBeside(callIndex: Int) throws {
    var log = stage.log()
    _ = try log.append([stage.order("o-1", #""n":1"#)], to: stage.stream)
    let interrupted = InterruptedTable(stage.world.table, before: callIndex) {
      var other = stage.log()
      _ = try other.append([stage.order("o-1", #""n":2"#), stage.order("o-2", #""n":3"#)], to: stage.stream)
    }
    let orders = try #require(try stage.reader(over: interrupted).orders(of: stage.stream))
    try interrupted.finish()
    let head = try #require(try log.head(stream: stage.stream))
    let later = try log.read(stream: stage.stream, head: head, after: orders.head?.last ?? 0).events
    let known = orders.values.map { ($0.event.key, $0.sequence) } + later.map { ($0.event.key, $0.sequence) }
    #expect(known.contains { $0 == ("o-1", 2) } && known.contains { $0 == ("o-2", 3) }, "call \(callIndex)")
  }

  @Test("an append whose answer was lost is not folded again")
  func repeated() throws {
    var log = stage.log(over: RepeatingTable(stage.world.table))
    for number in 1...3 {
      _ = try log.append([stage.position("S-\(number)", "1", at: "1")], to: stage.stream)
    }
    #expect(try stage.logged().map { $0.suffix(15) } == (1...3).map { #""totalValue":\#($0)}"# }.map { $0.suffix(15) })
  }

  @Test("a bad number refuses its event alone, with the member, and changes nothing", arguments: ["1e400", #""NaN""#])
  func hostile(number: String) throws {
    var log = stage.log()
    let outcomes = try log.append(
      [
        stage.position("AAPL", "1", at: "2"), stage.position("MSFT", number, at: "2"),
        stage.position("GOOG", "1", at: "3"),
      ], to: stage.stream)
    guard case .refused(let refusal) = outcomes[1] else {
      Issue.record("\(outcomes)")
      return
    }
    #expect(refusal.code == .invalidField && refusal.message.contains("'data.quantity'"))
    #expect(outcomes[0] == .appended(sequence: 1) && outcomes[2] == .appended(sequence: 2))
    #expect(try stage.states("positions").count == 2 && stage.logged()[1].hasSuffix(#""totalValue":5}"#))
  }

  @Test("a state holds STATE_KEYS keys: for a new order the oldest goes, which is told; a new position is refused")
  mutating func bounds() throws {
    stage.limits.stateKeys = 3
    var log = stage.log()
    for number in 1...3 { _ = try log.append([stage.order("o-\(number)", #""n":1"#)], to: stage.stream) }
    _ = try log.append([stage.order("o-1", #""n":2"#)], to: stage.stream)
    #expect(log.evictedStates.isEmpty)
    _ = try log.append([stage.order("o-4", #""n":1"#)], to: stage.stream)
    #expect(log.evictedStates == ["order:update": 1])
    #expect(try stage.reader().orders(of: stage.stream)?.values.map(\.event.key) == ["o-3", "o-1", "o-4"])
    let outcomes = try log.append(
      (1...4).map { stage.position("S-\($0)", "1", at: "1", idempotencyKey: "\($0)") }, to: stage.stream)
    guard case .refused(let refusal) = outcomes[3] else {
      Issue.record("\(outcomes)")
      return
    }
    #expect(refusal.code == .tooManyKeys && refusal.message.contains("at most 3 are kept (STATE_KEYS)"))
    // One that is there may change, and one that goes makes room.
    let later = try log.append(
      [stage.position("S-1", "0", at: "1"), stage.position("S-4", "1", at: "1")], to: stage.stream)
    #expect(later.allSatisfy { if case .appended = $0 { true } else { false } })
    // What was taken before is known, whatever the state says by now.
    let again = try log.append([stage.position("S-1", "1", at: "1", idempotencyKey: "1")], to: stage.stream)
    #expect(again == [.known(sequence: 6)])
  }

  @Test("a batch of more events than one append takes is appended in several, and its totals go on")
  func large() throws {
    var log = stage.log()
    let events = (1...100).map { stage.position("S-\($0)", "1", at: "1.01", idempotencyKey: "k\($0)") }
    #expect(try log.append(events, to: stage.stream) == (1...100).map { .appended(sequence: $0) })
    #expect(try log.append(events, to: stage.stream) == (1...100).map { .known(sequence: $0) })
    #expect(try stage.logged().last?.hasSuffix(#""totalValue":101.00}"#) == true)
    let huge = stage.order("o-1", #""text":"\#(String(repeating: "x", count: 17_000))""#)
    guard case .refused(let refusal) = try log.append([huge], to: stage.stream)[0] else {
      Issue.record("a state of 17 KB is taken")
      return
    }
    #expect(refusal.code == .tooLarge)
  }

  @Test("POSITIONS says who writes them: what the other one appends is refused")
  mutating func writers() throws {
    stage.limits.positionsWriter = .follower
    var log = stage.log()
    let outcomes = try log.append(
      [stage.position("AAPL", "1", at: "1"), stage.order("o-1", #""n":1"#)], to: stage.stream)
    guard case .refused(let refusal) = outcomes[0] else {
      Issue.record("\(outcomes)")
      return
    }
    #expect(refusal.code == .notAllowed && refusal.message.contains("POSITIONS=follower"))
    #expect(outcomes[1] == .appended(sequence: 1))
    #expect(
      try log.append([stage.position("AAPL", "1", at: "1")], to: stage.stream, by: .follower)
        == [.appended(sequence: 2)])
  }

  @Test("the table knows which strategies there are, and whose: an owner without the strategy is none")
  func strategies() throws {
    var log = stage.log()
    _ = try log.append(
      [stage.event("strategy:update", "s-1", #"{"strategyId":"s-1","status":"started"}"#)], to: stage.stream)
    let reader = stage.reader()
    #expect(try reader.owner(ofStrategy: "s-1") == "user/u-1" && reader.owner(ofStrategy: "s-2") == nil)
    #expect(try reader.strategy("s-1", of: "user/u-1")?.event.type == "strategy:update")
    #expect(try reader.strategy("s-1", of: "user/u-2") == nil && reader.strategy("s-2", of: "user/u-1") == nil)
    try stage.world.table.delete(
      StateRow.key(stream: stage.stream, type: "strategy:update", key: "s-1"), if: .always)
    #expect(try reader.owner(ofStrategy: "s-1") == nil)
  }

  @Test("what no event changes leaves after STATE_SECONDS; the state outlives its log")
  mutating func expiry() throws {
    stage.limits.stateSeconds = 60 * 24 * 60 * 60
    var log = stage.log()
    _ = try log.append([stage.position("AAPL", "1", at: "1")], to: stage.stream)
    stage.world.clock.advance(seconds: 31 * 24 * 60 * 60)
    #expect(try log.head(stream: stage.stream) == nil)
    let positions = try #require(try stage.reader().positions(of: stage.stream))
    #expect(positions.values.count == 1 && positions.head == nil)
    _ = try log.append([stage.position("MSFT", "1", at: "2")], to: stage.stream)
    #expect(try stage.logged().last?.hasSuffix(#""totalValue":3}"#) == true)
    stage.world.clock.advance(seconds: 30 * 24 * 60 * 60)
    _ = try log.append([stage.position("MSFT", "1", at: "4")], to: stage.stream)
    #expect(try stage.logged().last?.hasSuffix(#""totalValue":4}"#) == true)
  }
}
