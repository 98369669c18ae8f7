import Connections
import Messaging
import TestSupport
import Testing

@testable import EventLog

@Suite("what an event makes of a state")
struct StateFoldTests {
  private static let order = StateRule(type: "order:update", fold: .merge, list: "orders")
  private static let fill = StateRule(type: "order:update", fold: .fill, list: nil)
  private static let position = StateRule(type: "position:update", fold: .position, list: "positions")

  private func fold(_ rule: StateRule, _ event: String, on state: String? = nil) throws -> StateFold.Outcome {
    try StateFold(rule: rule).outcome(
      of: try #require(StateObject(bytes(event))), on: state.flatMap { StateObject(bytes($0)) })
  }

  private func text(_ object: StateObject?) -> String? { object.map { TestSupport.text($0.bytes) } }

  @Test("an order keeps what later events do not say, each value as it was written")
  func merge() throws {
    let opened = #"{"orderId":"o-1","symbol":"AAPL","qty":10.0,"status":"new"}"#
    let canceled = try fold(Self.order, #"{"orderId":"o-1","status":"canceled","reason":"late"}"#, on: opened)
    #expect(
      text(canceled.state) == #"{"orderId":"o-1","symbol":"AAPL","qty":10.0,"status":"canceled","reason":"late"}"#)
    #expect(canceled.data == nil)
    #expect(text(try fold(Self.order, #"{"a":1,"b":2,"a":3}"#).state) == #"{"a":3,"b":2}"#)
  }

  @Test(
    "a fill says how much of its order is filled: status, filledQty and filledAvgPrice",
    arguments: [
      // A part, all, all in two ways of writing, more than all.
      (#"{"qty":10,"status":"new"}"#, #"{"filledQty":4,"filledAvgPrice":150.25}"#, "partially_filled", "4", "150.25"),
      (#"{"qty":10,"status":"new"}"#, #"{"filledQty":10,"filledAvgPrice":150.30}"#, "filled", "10", "150.30"),
      (#"{"qty":"10","status":"new"}"#, #"{"filledQty":10.0,"filledAvgPrice":"1"}"#, "filled", "10.0", #""1""#),
      (#"{"qty":10,"status":"new"}"#, #"{"filledQty":11,"filledAvgPrice":1}"#, "filled", "11", "1"),
      // What came late, or twice, or says the status itself.
      (
        #"{"qty":10,"status":"filled","filledQty":10,"filledAvgPrice":2}"#, #"{"filledQty":4,"filledAvgPrice":1}"#,
        "filled", "10", "2"
      ),
      (
        #"{"qty":10,"status":"canceled","filledQty":2,"filledAvgPrice":2}"#, #"{"filledQty":4,"filledAvgPrice":1}"#,
        "canceled", "4", "1"
      ),
      (#"{"qty":10,"status":"new"}"#, #"{"filledQty":4,"filledAvgPrice":1,"status":"held"}"#, "held", "4", "1"),
      // Nobody can tell how much of the order that is.
      (#"{"status":"new"}"#, #"{"filledQty":4,"filledAvgPrice":1}"#, "new", "4", "1"),
      (#"{"qty":"all","status":"new"}"#, #"{"filledQty":4,"filledAvgPrice":1}"#, "new", "4", "1"),
    ])
  func fills(order: String, fill: String, status: String, quantity: String, price: String) throws {
    let outcome = try fold(Self.fill, fill, on: order)
    let state = try #require(outcome.state)
    #expect(state.text("status") == status)
    #expect(state["filledQty"] == bytes(quantity) && state["filledAvgPrice"] == bytes(price))
    #expect(outcome.data == nil)
    let again = try fold(Self.fill, fill, on: text(state))
    #expect(again.state?["filledQty"] == state["filledQty"], "the same fill again changes nothing")
  }

  @Test("whatever the order in which the fills of an order come, the state is that of the last one")
  func fillsInAnyOrder() throws {
    for seed in 0..<200 as Range<UInt64> {
      var random = SeededGenerator(seed)
      var quantities = Array(1...8)
      quantities.shuffle(using: &random)
      var state: String? = #"{"orderId":"o-1","symbol":"AAPL","qty":8,"status":"new"}"#
      for quantity in quantities {
        let fill = #"{"orderId":"o-1","filledQty":\#(quantity),"filledAvgPrice":\#(quantity)0.50,"venue":"x"}"#
        state = text(try fold(Self.fill, fill, on: state).state)
      }
      #expect(
        state == #"{"orderId":"o-1","symbol":"AAPL","qty":8,"status":"filled","filledQty":8,"filledAvgPrice":80.50}"#,
        "seed \(seed)")
    }
  }

  @Test("a position that changed is said whole, with what it has gained, exactly")
  func positions() throws {
    let opened = try fold(
      Self.position, #"{"symbol":"AAPL","quantity":"10","entryPrice":"150.00","currentPrice":"152.50"}"#)
    #expect(
      text(opened.state)
        == #"{"symbol":"AAPL","quantity":"10","entryPrice":"150.00","currentPrice":"152.50","unrealizedPnL":25.00}"#)
    let moved = try fold(Self.position, #"{"symbol":"AAPL","currentPrice":0.3}"#, on: text(opened.state))
    #expect(
      text(moved.data)
        == #"{"symbol":"AAPL","currentPrice":0.3,"quantity":"10","entryPrice":"150.00","unrealizedPnL":-1497.00}"#)
    // What its publisher says of the gain stands.
    let told = try fold(Self.position, #"{"symbol":"AAPL","unrealizedPnL":7}"#, on: text(moved.state))
    #expect(told.state?["unrealizedPnL"] == bytes("7"))
    // What it had gained is not said of a position that is closed, or whose gain cannot be told any more.
    let closed = try fold(Self.position, #"{"symbol":"AAPL","quantity":0}"#, on: text(opened.state))
    #expect(
      text(closed.data)
        == #"{"symbol":"AAPL","quantity":0,"entryPrice":"150.00","currentPrice":"152.50","unrealizedPnL":0.00}"#)
    let unknown = try fold(
      Self.position, #"{"symbol":"AAPL","quantity":4}"#, on: #"{"symbol":"AAPL","quantity":3,"unrealizedPnL":30}"#)
    #expect(text(unknown.state) == #"{"symbol":"AAPL","quantity":4}"#)
  }

  @Test("a position of quantity 0 leaves the state", arguments: ["0", "0.00", #""0""#, "-0", #""0e3""#])
  func closed(quantity: String) throws {
    let state = #"{"symbol":"AAPL","quantity":3,"currentPrice":2}"#
    let closed = try fold(Self.position, #"{"symbol":"AAPL","quantity":\#(quantity),"realizedPnL":12.5}"#, on: state)
    #expect(closed.state == nil)
    #expect(
      text(closed.data) == #"{"symbol":"AAPL","quantity":\#(quantity),"realizedPnL":12.5,"currentPrice":2}"#)
  }

  @Test(
    "a number that cannot be exact is refused, with its member",
    arguments: ["1e400", #""NaN""#, #""-Infinity""#, "1234567890123456789", #""1,5""#, "true", "{}", #""""#])
  func hostile(number: String) {
    for (rule, member) in [(Self.position, "quantity"), (Self.position, "currentPrice"), (Self.fill, "filledQty")] {
      let refusal = #expect(throws: EventRefusal.self) { try fold(rule, #"{"\#(member)":\#(number)}"#) }
      #expect(refusal?.code == .invalidField && refusal?.message.contains("'data.\(member)' ") == true)
    }
  }

  @Test("what positions are worth together is exact: 0.1 and 0.2 are 0.3, and one without a price counts for nothing")
  func total() throws {
    let positions = [
      #"{"quantity":1,"currentPrice":0.1}"#, #"{"quantity":"1","currentPrice":"0.2"}"#, #"{"quantity":3}"#,
      #"{"quantity":-2,"currentPrice":0.05}"#, #"{"currentPrice":null,"quantity":1}"#,
    ].compactMap { StateObject(bytes($0)) }
    #expect(try StateFold.totalValue(of: positions).description == "0.20")
    let large = try #require(StateObject(bytes(#"{"quantity":999999999999999999,"currentPrice":999999999999999999}"#)))
    #expect(throws: EventRefusal.self) {
      try StateFold.totalValue(of: [StateObject](repeating: large, count: 200))
    }
  }
}
