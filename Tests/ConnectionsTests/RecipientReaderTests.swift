import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("the listeners of events")
struct RecipientReaderTests {
  private func event(_ type: String, _ key: String? = nil, _ audience: Audience = .everyone) -> Event {
    Event(type: type, key: key, audience: audience, data: [], id: "1-a", timestamp: "")
  }

  @Test("a connection that wants a type and one of its keys gets the event once")
  func once() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record(["price:update"]))
    _ = try world.connections().change(id: world.id) { _ in
      world.change(add: ["price:update"], keys: ["AAPL", "A*"], count: 1)
    }
    let recipients = try world.recipients([event("price:update", "AAPL")])
    #expect(recipients.map(\.matches.count) == [1])
    #expect(recipients[0].topics == [.type("price:update"), .key(type: "price:update", key: "AAPL")])
  }

  @Test("each connection comes once, whatever the page size and the shards", arguments: [1, 3, 100], [1, 8])
  func pages(pageSize: Int, shards: Int) throws {
    let world = World()
    var expected: [String: [Int]] = [:]
    for number in 0..<40 {
      let id = try #require(ConnectionID("c\(number)="))
      let keys = [[], ["A"], ["B"], ["A", "B"], ["A*"]][number % 5]
      _ = try world.connections(shards: shards).connect(record: world.record(["price:update"], keys: keys, id: id))
      expected[id.text] = [[0, 1, 2], [0], [1], [0, 1], [0, 2]][number % 5]
    }
    let recipients = try world.recipients(
      [event("price:update", "A"), event("price:update", "B"), event("price:update", "A2")], shards: shards,
      pageSize: pageSize)
    #expect(recipients.count == 40)
    #expect(Dictionary(uniqueKeysWithValues: recipients.map { ($0.id.text, $0.matches.map(\.event)) }) == expected)
  }

  @Test("a client sees the name it asked by")
  func names() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record(["risk_alert"]))
    #expect(try world.recipients([event("risk")]).first?.matches == [.init(event: 0, shownAs: "risk_alert")])
  }

  @Test("a role that may not see a type gets no broadcast of it, but its own person's and group's events")
  func roles() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record(["risk"], role: .viewer, groups: ["g"]))
    #expect(try world.reaches("risk") == [])
    #expect(try world.reaches("risk", audience: .user("u-1")) == [world.id.text])
    #expect(try world.reaches("risk", audience: .group("g")) == [world.id.text])
    #expect(try world.reaches("risk", audience: .user("u-2")) == [])
  }

  @Test("a run takes as many events as have so few topics, each topic once")
  func fitting() {
    let prices = (0..<100).map { event("price:update", "k\($0 % 70)") }
    // The type itself is a topic too.
    #expect(EventBatch.fitting(prices, topics: 32) == 31)
    #expect(EventBatch(Array(prices.prefix(31))).topics.count == 32)
    #expect(EventBatch.fitting(prices, topics: 71) == 100)
    #expect(EventBatch(prices).topics.count == 71)
  }
}
