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

  @Test(
    "a role that may not see a type gets no event of it, whoever it is for, unless it is personal or of no file",
    arguments: [[], ["risk", "order:fill", "mine"]])
  func roles(asked: [String]) throws {
    let world = World()
    _ = try world.connections().connect(record: world.record(asked, role: .viewer, groups: ["g"]))
    for type in ["risk", "order:fill", "mine"] {
      let expected = type == "risk" ? [] : [world.id.text]
      #expect(try world.reaches(type) == [])
      #expect(try world.reaches(type, audience: .user("u-1")) == expected)
      #expect(try world.reaches(type, audience: .group("g")) == expected)
      #expect(try world.reaches(type, audience: .user("u-2")) == [])
    }
  }

  @Test("what is addressed to a user or a group reaches who asked for it, by type and key, and who never asked")
  func asked() throws {
    let world = World()
    let connections = world.connections()
    let ids = try ["silent", "typed", "keyed", "other"].map { try #require(ConnectionID("\($0)=")) }
    for (id, names) in zip(ids, [[], ["position:update"], [], ["signal"]]) {
      _ = try connections.connect(record: world.record(names, id: id, groups: ["g"]))
    }
    _ = try connections.change(id: ids[2]) { _ in
      world.change(add: ["position:update"], keys: ["AAPL", "M*"], count: 1)
    }
    for audience in [Audience.user("u-1"), .group("g")] {
      let reached = { (key: String?) in
        try world.reaches("position:update", key: key, audience: audience).map { String($0.dropLast()) }
      }
      #expect(try reached("AAPL") == ["keyed", "silent", "typed"])
      #expect(try reached("MSFT") == ["keyed", "silent", "typed"])
      #expect(try reached("GOOG") == ["silent", "typed"])
      #expect(try reached(nil) == ["silent", "typed"])
    }
    // Whoever takes everything back has asked all the same.
    _ = try connections.change(id: ids[2]) { _ in world.change(remove: ["position:update"], count: 2) }
    #expect(try world.reaches("position:update", key: "AAPL", audience: .user("u-1")) == ["silent=", "typed="])
  }

  @Test("in whatever order a subscribe and its unsubscribe are handled, it has been asked, and nothing is wanted")
  func inAnyOrder() throws {
    let changes = { (world: World) in
      [
        world.change(add: ["position:update"], count: 1, milliseconds: 1),
        world.change(remove: ["position:update"], count: 2, milliseconds: 2),
      ]
    }
    for isReversed in [false, true] {
      let world = World()
      _ = try world.connections().connect(record: world.record())
      for change in isReversed ? changes(world).reversed() : changes(world) {
        _ = try world.connections().change(id: world.id) { _ in change }
      }
      #expect(try world.reaches("position:update", audience: .user("u-1")) == [])
      #expect(try world.reaches("order:fill", audience: .user("u-1")) == [])
    }
  }

  @Test("an announcement to everyone reaches every connection whose role may see it, whatever it asked for")
  func announced() throws {
    let world = World()
    for (name, user, role, types) in [
      ("a", "u-1", .viewer, ["signal"]), ("b", nil, .admin, []), ("c", "u-2", nil, []),
      ("d", nil, .analyst, ["announcement"]),
    ] as [(String, String?, Role?, [String])] {
      let id = try #require(ConnectionID("\(name)="))
      _ = try world.connections(shards: 8).connect(record: world.record(types, id: id, user: user, role: role))
    }
    let announcement = event("announcement", "k")
    #expect(try Set(world.recipients([announcement], shards: 8).map(\.id.text)) == ["a=", "b=", "d="])
    // One to a user is an event like others.
    #expect(try world.reaches("announcement", audience: .user("u-1")) == [])
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
