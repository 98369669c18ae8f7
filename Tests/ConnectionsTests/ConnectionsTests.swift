import ConnectionStore
import Connections
import Messaging
import TestSupport
import Testing

@Suite("connections")
struct ConnectionsTests {
  @Test("a connect with three subscriptions is one transaction and no read")
  func connectCost() throws {
    let world = World()
    let table = FailingTable(world.table, failing: 0)
    #expect(
      try world.connections(over: table).connect(record: world.record(["signal", "risk", "system"])) == .connected)
    #expect(table.calls == 1)
    #expect(try world.reaches("signal") == [world.id.text])
    #expect(try world.reaches("risk", audience: .user("u-1")) == [world.id.text])
    #expect(try world.reaches("order:update", audience: .user("u-1")) == [])
    #expect(try world.reaches("decision") == [])
  }

  @Test("a subscribe is one read and one transaction")
  func subscribeCost() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record())
    let table = FailingTable(world.table, failing: 0)
    _ = try world.connections(over: table).change(id: world.id) { _ in
      world.change(add: ["price:update"], keys: ["AAPL", "MSFT"], count: 1)
    }
    #expect(table.calls == 2)
    #expect(try world.reaches("price:update", key: "MSFT") == [world.id.text])
    #expect(try world.reaches("price:update", key: "GOOG") == [])
  }

  @Test("what is read back is what was written")
  func roundTrip() throws {
    let world = World()
    var record = world.record(["risk_alert", "price:update"], keys: ["A\"\0\n#", "B*"], groups: ["g 1", "g,2"])
    _ = record.subscriptions.apply(world.change(remove: ["signal"], count: nil, milliseconds: 3, message: "m="))
    _ = try world.connections().connect(record: record)
    let read = try #require(try world.connections().connection(id: world.id))
    #expect(read.principal == record.principal)
    #expect(read.sourceAddress == "203.0.113.7")
    #expect(read.connectedAtMilliseconds == record.connectedAtMilliseconds)
    #expect(read.subscriptions == record.subscriptions)
    #expect(read.expires == world.clock.seconds + 8100)
  }

  @Test("a disconnect leaves a tombstone and nothing else but when the user was last seen, for seven calls")
  func disconnect() throws {
    let world = World()
    _ = try world.connections().connect(
      record: world.record(["signal", "price:update"], keys: ["AAPL", "M*"], groups: ["g"]))
    let topics = world.record(["signal", "price:update"], keys: ["AAPL", "M*"], groups: ["g"]).topics
    #expect(try world.stored(topics).count == 7)
    let table = FailingTable(world.table, failing: 0)
    try world.connections(over: table).disconnect(id: world.id)
    #expect(table.calls == 7)
    #expect(try world.stored(topics) == [])
    #expect(try world.connections().connection(id: world.id) == nil)
    #expect(
      try world.connections().change(id: world.id) { _ in world.change(add: ["risk"], count: 9) } == .unknownConnection)
    world.clock.advance(seconds: 5 * 60)
    #expect(try world.table.get(ConnectionRow.key(id: world.id), consistency: .strong) == nil)
  }

  @Test(
    "several that have left are removed as each by itself, and one that has changed since it was read with its changes")
  func disconnectTogether() throws {
    let world = World()
    let ids = try (0..<5).map { try #require(ConnectionID("D\($0)=")) }
    for id in ids.prefix(4) {
      _ = try world.connections().connect(record: world.record(["signal"], id: id, user: "u-\(id.text)"))
    }
    let leaving = try ids.map { Connections.Leaving(id: $0, record: try world.connections().connection(id: $0)) }
    _ = try world.connections().change(id: ids[1]) { _ in world.change(add: ["risk"], count: 1) }
    let table = FailingTable(world.table, failing: 0)
    try world.connections(over: table).disconnect(leaving)
    for id in ids {
      #expect(try world.connections().connection(id: id) == nil)
      // Its tombstone stands.
      #expect(try world.table.get(ConnectionRow.key(id: id), consistency: .strong)?["gone"] == .number(1))
    }
    for topic in world.record(["signal", "risk"]).topics where !topic.name.hasPrefix("user") {
      #expect(try world.table.query(Query(partition: ListenerRow.partition(topic, shard: 0))).items.isEmpty)
    }
    // Two transactions, one of which is refused; two tombstones alone; one batch; of each user a look at its connections and one
    // at its streams over HTTP, a note, and the two looks.
    #expect(table.calls == 2 + 2 + 1 + 4 * 5)
  }

  @Test("a disconnect that comes before its connect leaves nothing")
  func disconnectFirst() throws {
    let world = World()
    try world.connections().disconnect(id: world.id)
    #expect(try world.connections().connect(record: world.record(["signal"])) == .alreadyGone)
    #expect(try world.stored(world.record(["signal"]).topics) == [])
  }

  @Test("a connect that is invoked twice is the same connection, and keeps what was subscribed in between")
  func connectTwice() throws {
    let world = World()
    let record = world.record(["signal"])
    #expect(try world.connections().connect(record: record) == .connected)
    _ = try world.connections().change(id: world.id) { _ in world.change(add: ["risk"], count: 1) }
    world.clock.advance(seconds: 20)
    #expect(try world.connections().connect(record: record) == .connected)
    #expect(try world.connections().connection(id: world.id)?.subscriptions.active.count == 2)
    try world.connections().disconnect(id: world.id)
    #expect(try world.connections().connect(record: record) == .alreadyGone)
  }

  @Test("a connect that is repeated after any failed call has all its rows")
  func connectAgain() throws {
    let world = World()
    let keys = (0..<120).map { "k\($0)" }
    let record = world.record(["price:update"], keys: keys)
    let most = try failEachCall(over: { MemoryTable(clock: world.clock.clock) }) { table in
      _ = try world.connections(over: table).connect(record: record)
    } check: { (table: any Table, error: (any Error)?, run: String) throws in
      if error != nil { #expect(try world.connections(over: table).connect(record: record) == .connected, "\(run)") }
      for key in keys {
        let partition = ListenerRow.partition(.key(type: "price:update", key: key), shard: 0)
        #expect(try table.query(Query(partition: partition)).items.count == 1, "\(run)")
      }
    }
    #expect(most == 2)
  }

  @Test("the rows of a connection expire with it, later subscriptions too")
  func expiry() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record(["signal"]))
    world.clock.advance(seconds: 7100)
    _ = try world.connections().change(id: world.id) { _ in world.change(add: ["risk"], count: 1) }
    world.clock.advance(seconds: 99)
    #expect(try world.reaches("risk") == [world.id.text])
    world.clock.advance(seconds: 15 * 60 + 2)
    #expect(try world.reaches("risk") == [])
    #expect(try world.reaches("signal") == [])
    #expect(try world.connections().connection(id: world.id) == nil)
  }

  @Test("128 subscriptions are taken, in a connect and in a subscribe, and 129 are refused with nothing changed")
  func limit() throws {
    let world = World()
    let keys = (0..<128).map { "k\($0)" }
    #expect(try world.connections().connect(record: world.record(["price:update"], keys: keys)) == .connected)
    for key in [keys[0], keys[97], keys[98], keys[127]] {
      #expect(try world.reaches("price:update", key: key) == [world.id.text])
    }
    let more = try world.connections().change(id: world.id) { _ in world.change(add: ["signal"], count: 1) }
    #expect(more == .tooManySubscriptions(129))
    #expect(try world.reaches("signal") == [])
    let other = World()
    _ = try other.connections().connect(record: other.record())
    guard
      case .changed(let all) = try other.connections().change(
        id: other.id,
        { _ in
          other.change(add: ["price:update"], keys: keys, count: 1)
        })
    else {
      Issue.record("refused")
      return
    }
    #expect(all.subscriptions.active.count == 128)
    #expect(try other.reaches("price:update", key: "k127") == [other.id.text])
    _ = try other.connections().change(id: other.id) { _ in other.change(remove: ["price:update"], count: 2) }
    #expect(try other.stored(keys.map { .key(type: "price:update", key: $0) }) == [])
  }

  @Test("the longest subscriptions fit a row of the table")
  func longestRow() throws {
    let world = World()
    _ = try world.connections().connect(record: world.record())
    let type = String(repeating: "\"", count: 128)
    let keys = { (sign: String) in (100..<228).map { sign + String(repeating: "\"", count: 252) + "\($0)" } }
    for (round, sign) in ["a", "b", "c"].enumerated() {
      let count = Int64(2 * round + 1)
      _ = try world.connections().change(id: world.id) { _ in
        world.change(add: [type], keys: keys(sign), count: count)
      }
      _ = try world.connections().change(id: world.id) { _ in world.change(remove: [type], count: count + 1) }
    }
    _ = try world.connections().change(id: world.id) { _ in world.change(add: [type], keys: keys("d"), count: 9) }
    #expect(try world.reaches(type, key: keys("d")[5]) == [world.id.text])
    #expect(try world.reaches(type, key: keys("c")[5]) == [])
  }
}

@Suite("invocations of one connection side by side")
struct ParallelConnectionsTests {
  /// Runs `second` before the first call of `first`, before its second, … and after it, and checks each time.
  private func interleave(
    prepare: (World) throws -> Void = { _ in }, _ first: (World, Connections) throws -> Void,
    _ second: @escaping (World, Connections) throws -> Void, check: (World, Int) throws -> Void
  ) throws {
    for place in 1... {
      let world = World()
      try prepare(world)
      let table = InterruptedTable(world.table, before: place) { try second(world, world.connections()) }
      try first(world, world.connections(over: table))
      let isOver = table.calls < place
      try table.finish()
      try check(world, place)
      if isOver { break }
      try #require(place < 1000)
    }
  }

  private func subscribe(
    _ names: [String], keys: [String] = [], _ count: Int64
  ) -> (World, Connections) throws -> Void {
    { world, connections in
      _ = try connections.change(id: world.id) { _ in world.change(add: names, keys: keys, count: count) }
    }
  }

  private func unsubscribe(
    _ names: [String], keys: [String] = [], _ count: Int64
  ) -> (World, Connections) throws -> Void {
    { world, connections in
      _ = try connections.change(id: world.id) { _ in world.change(remove: names, keys: keys, count: count) }
    }
  }

  private let connect: (World) throws -> Void = { world in _ = try world.connections().connect(record: world.record()) }
  private let manyKeys = (0..<128).map { "k\($0)" }

  @Test("subscribes to different types are both done")
  func twoSubscribes() throws {
    try interleave(prepare: connect, subscribe(["signal"], 1), subscribe(["risk"], 2)) {
      (world: World, place: Int) throws in
      #expect(try world.reaches("signal") == [world.id.text], "before call \(place)")
      #expect(try world.reaches("risk") == [world.id.text], "before call \(place)")
    }
  }

  @Test("a subscribe beside a newer unsubscribe of the same type leaves it unsubscribed")
  func newerUnsubscribe() throws {
    for (first, second) in [
      (subscribe(["signal"], 1), unsubscribe(["signal"], 2)), (unsubscribe(["signal"], 2), subscribe(["signal"], 1)),
      (subscribe(["signal"], keys: ["a"], 1), unsubscribe(["signal"], 2)),
      (unsubscribe(["signal"], 2), subscribe(["signal"], keys: ["a"], 1)),
      (unsubscribe(["*"], 2), subscribe(["signal"], keys: ["a*"], 1)),
      (subscribe(["signal"], keys: ["a"], 1), unsubscribe(["signal"], keys: ["a"], 2)),
      (unsubscribe(["signal"], keys: ["a"], 2), subscribe(["signal"], keys: ["a"], 1)),
    ] {
      try interleave(prepare: connect, first, second) { (world: World, place: Int) throws in
        #expect(try world.reaches("signal", key: "a") == [], "before call \(place)")
        #expect(try world.stored([.type("signal"), .key(type: "signal", key: "a")]) == [], "before call \(place)")
      }
    }
  }

  @Test("an unsubscribe beside a newer subscribe of the same type leaves it subscribed")
  func newerSubscribe() throws {
    for (first, second) in [
      (subscribe(["signal"], 2), unsubscribe(["signal"], 1)), (unsubscribe(["signal"], 1), subscribe(["signal"], 2)),
      (subscribe(["signal"], keys: ["a"], 2), unsubscribe(["signal"], 1)),
      (unsubscribe(["*"], 1), subscribe(["signal"], keys: ["a*"], 2)),
    ] {
      try interleave(prepare: connect, first, second) { (world: World, place: Int) throws in
        #expect(try world.reaches("signal", key: "a") == [world.id.text], "before call \(place)")
      }
    }
  }

  @Test("prefixes that arrive in the wrong order are all kept")
  func prefixes() throws {
    try interleave(
      prepare: connect, subscribe(["price:update"], keys: ["B*"], 2), subscribe(["price:update"], keys: ["A*"], 1)
    ) { (world: World, place: Int) throws in
      #expect(try world.reaches("price:update", key: "A1") == [world.id.text], "before call \(place)")
      #expect(try world.reaches("price:update", key: "B1") == [world.id.text], "before call \(place)")
      #expect(try world.reaches("price:update", key: "C1") == [], "before call \(place)")
      #expect(try world.reaches("price:update") == [], "before call \(place)")
    }
  }

  @Test("more listeners than fit one transaction end as the newest change says")
  func many() throws {
    let all = manyKeys
    for (first, second) in [
      (subscribe(["price:update"], keys: all, 1), unsubscribe(["price:update"], 2)),
      (unsubscribe(["price:update"], 2), subscribe(["price:update"], keys: all, 1)),
    ] {
      try interleave(prepare: connect, first, second) { (world: World, place: Int) throws in
        let stored = try world.stored(all.map { .key(type: "price:update", key: $0) })
        #expect(stored == [], "before call \(place)")
      }
    }
    try interleave(
      prepare: connect, subscribe(["price:update"], keys: all, 3), unsubscribe(["price:update"], keys: [all[120]], 4)
    ) { (world: World, place: Int) throws in
      #expect(try world.stored(all.map { .key(type: "price:update", key: $0) }).count == 127, "before call \(place)")
      #expect(try world.reaches("price:update", key: all[120]) == [], "before call \(place)")
    }
  }

  @Test("a disconnect beside a connect or a subscribe leaves nothing, wherever it comes")
  func disconnectBeside() throws {
    let all = manyKeys
    let topics = all.map { Topic.key(type: "price:update", key: $0) } + [.type("signal"), .user("u-1")]
    let disconnect: (World, Connections) throws -> Void = { try $1.disconnect(id: $0.id) }
    let connectNow: (World, Connections) throws -> Void = { world, connections in
      _ = try connections.connect(record: world.record(["price:update"], keys: all))
    }
    func checkEmpty(_ world: World, _ place: Int) throws {
      #expect(try world.stored(topics) == [], "before call \(place)")
      #expect(try world.connections().connection(id: world.id) == nil, "before call \(place)")
    }
    try interleave(connectNow, disconnect, check: checkEmpty)
    try interleave(disconnect, connectNow, check: checkEmpty)
    for names in [["signal"], ["price:update"]] {
      let change = subscribe(names, keys: names == ["signal"] ? [] : all, 1)
      try interleave(prepare: connect, change, disconnect, check: checkEmpty)
      try interleave(prepare: connect, disconnect, change, check: checkEmpty)
      try interleave(prepare: connect, unsubscribe(names, 1), disconnect, check: checkEmpty)
    }
    try interleave(prepare: connect, disconnect, disconnect, check: checkEmpty)
  }

  @Test("changes in any order of arrival end as in the order they were meant in", arguments: [UInt64(11), 12, 13, 14])
  func permutations(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    for round in 0..<60 {
      let world = World()
      let usesCounts = Bool.random(using: &generator)
      let changes = (1...Int64.random(in: 2...8, using: &generator)).map { number in
        let names = [["signal"], ["risk"], ["order:*"], ["*"]].randomElement(using: &generator)!
        let keys = [[], ["a"], ["a*"], ["a", "b*"]].randomElement(using: &generator)!
        let isAdding = Bool.random(using: &generator)
        return world.change(
          add: isAdding ? names : [], remove: isAdding ? [] : names, keys: keys, count: usesCounts ? number : nil,
          milliseconds: number / 2, message: "m\(number)")
      }
      func outcome(_ changes: [SubscriptionChange]) throws -> [Bool] {
        let world = World()
        _ = try world.connections().connect(record: world.record())
        for change in changes { _ = try world.connections().change(id: world.id) { _ in change } }
        return try ["signal", "risk", "order:fill"].flatMap { type in
          try [nil, "a", "a1", "b", "b1"].map { try !world.reaches(type, key: $0).isEmpty }
        }
      }
      let shuffled = changes.shuffled(using: &generator)
      #expect(try outcome(shuffled) == outcome(changes), "seed \(seed), round \(round)")
    }
  }
}

@Suite("connections over a table that fails")
struct FailingConnectionsTests {
  private let world = World()

  @Test("a disconnect that is repeated after any failed call leaves nothing")
  func disconnect() throws {
    let topics = world.record(["signal", "risk"]).topics
    let most = try failEachCall(over: {
      let table = MemoryTable(clock: world.clock.clock)
      _ = try world.connections(over: table).connect(record: world.record(["signal", "risk"]))
      return table
    }) { table in
      try world.connections(over: table).disconnect(id: world.id)
    } check: { (table: any Table, error: (any Error)?, run: String) throws in
      if error != nil { try world.connections(over: table).disconnect(id: world.id) }
      for topic in topics {
        #expect(try table.query(Query(partition: ListenerRow.partition(topic, shard: 0))).items.isEmpty, "\(run)")
      }
    }
    #expect(most == 7)
  }

  @Test("a subscribe that is repeated after any failed call has all its rows, also beyond one transaction")
  func subscribe() throws {
    let keys = (0..<128).map { "k\($0)" }
    let change = world.change(add: ["price:update"], keys: keys, count: 1)
    let again = world.change(add: ["price:update"], keys: keys, count: 2)
    let most = try failEachCall(over: {
      let table = MemoryTable(clock: world.clock.clock)
      _ = try world.connections(over: table).connect(record: world.record())
      return table
    }) { table in
      _ = try world.connections(over: table).change(id: world.id) { _ in change }
    } check: { (table: any Table, error: (any Error)?, run: String) throws in
      if error != nil { _ = try world.connections(over: table).change(id: world.id) { _ in again } }
      for key in keys {
        let partition = ListenerRow.partition(.key(type: "price:update", key: key), shard: 0)
        #expect(try table.query(Query(partition: partition)).items.count == 1, "\(run)")
      }
    }
    #expect(most == 3)
  }

  @Test("a backend that tries again after a lost answer is not refused by its own write")
  func lostAnswer() throws {
    let table = RepeatingTable(world.table)
    #expect(try world.connections(over: table).connect(record: world.record(["signal"])) == .connected)
    let keys = (0..<120).map { "k\($0)" }
    let outcome = try world.connections(over: table).change(id: world.id) { _ in
      world.change(add: ["price:update"], keys: keys, count: 1)
    }
    guard case .changed(let record) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(record.subscriptions.active.count == 121)
    #expect(try world.stored(keys.map { .key(type: "price:update", key: $0) }).count == 120)
    #expect(table.transactions == 3)
  }
}
