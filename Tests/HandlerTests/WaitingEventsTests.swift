import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry
import TestSupport
import Testing

/// What waits for a user whose clients are away: the newest hundred, for five minutes.
@Suite("what waits for a user")
struct WaitingEventsTests {
  let stage = Self.stage()
  private static func stage() -> Stage {
    let stage = Stage()
    stage.greetsClients = true
    return stage
  }

  private let greeting = ["ACCESS": "open", "GREETING_FUNCTION": "DefaultHandler"]

  private func publish(_ type: String, _ number: Int, key: String? = nil) throws {
    let key = key.map { ",\"key\":\"\($0)\"" } ?? ""
    _ = try stage.publish("{\"type\":\"\(type)\",\"user\":\"u-1\"\(key),\"data\":{\"n\":\(number)}}")
  }

  private func connect(_ query: (String, String)..., id: ConnectionID? = nil) throws {
    let all = [("userId", "u-1"), ("role", "viewer")] + query
    #expect(try stage.connect(all, access: greeting, id: id).hasPrefix(#"{"statusCode":200"#))
  }

  /// Runs the greeting that was asked for, and sends what is pending.
  private func greet() throws {
    for payload in stage.invocations.takeAll() where payload.hasPrefix("{\"greet\"") { _ = try stage.greet(payload) }
    try stage.runInvocations()
  }

  private func hello(cursor: String? = nil, id: ConnectionID? = nil) throws {
    let cursor = cursor.map { ",\"cursor\":\"\($0)\"" } ?? ""
    _ = try stage.say("{\"type\":\"hello\",\"replay\":1,\"accept\":[]\(cursor)}", id: id)
  }

  /// The numbers of the events of a connection, in the order in which they came. What is kept of the user's orders comes
  /// before them, and is no event.
  private func shown(_ id: ConnectionID? = nil) -> [Int] {
    stage.ear.frames(to: id ?? stage.id).filter { !$0.hasPrefix(#"{"type":"snapshot""#) }.flatMap { frame in
      frame.split(separator: "\"n\":").dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }
    }
  }

  @Test("comes in order before what is live to a client that says hello without a cursor")
  func withHello() throws {
    for number in 1...3 { try publish("order:update", number, key: "o-\(number)") }
    try connect(("hello", "1"))
    try hello()
    try publish("order:update", 4, key: "o-4")
    #expect(shown() == [1, 2, 3, 4])
  }

  @Test(
    "comes in order before what is live to clients that say no hello, in each dialect", arguments: ["flat", "message"])
  func noHello(dialect: String) throws {
    for number in 1...3 { try publish("alert:new", number) }
    try connect(("dialect", dialect))
    // What is published before the greeting does not pass it.
    try publish("alert:new", 4)
    #expect(shown().isEmpty)
    try greet()
    try publish("alert:new", 5)
    #expect(shown() == [1, 2, 3, 4, 5])
  }

  @Test("comes to a second connection of a user who is there too")
  func second() throws {
    try connect(("dialect", "flat"))
    try greet()
    for number in 1...3 { try publish("alert:new", number) }
    let other = ConnectionID("Other=")!
    try connect(("dialect", "flat"), id: other)
    try greet()
    try publish("alert:new", 4)
    #expect(shown() == [1, 2, 3, 4] && shown(other) == [1, 2, 3, 4])
  }

  @Test("nothing waits for another user, or for a client that names no user")
  func nobodyElse() throws {
    try publish("alert:new", 1)
    _ = try stage.connect([("userId", "u-2"), ("dialect", "flat")], access: greeting)
    _ = try stage.connect([("dialect", "flat")], access: greeting, id: ConnectionID("Nobody=")!)
    try greet()
    #expect(shown().isEmpty && shown(ConnectionID("Nobody=")!).isEmpty)
  }

  @Test("of a type that conflates a key counts once: moving positions evict no order, and say for how many they stand")
  func conflation() throws {
    for number in 1...3 { try publish("order:update", number, key: "o-\(number)") }
    for number in 4...303 { try publish("position:update", number, key: "account-\(number % 10)") }
    #expect(stage.lines(saying: "events evicted: more wait for a user than are kept").isEmpty)
    try connect(("dialect", "flat"))
    try greet()
    #expect(shown() == Array(1...3) + Array(294...303))
    let typed = ConnectionID("Typed=")!
    try connect(("hello", "1"), id: typed)
    try hello(id: typed)
    #expect(shown(typed) == Array(1...3) + Array(294...303))
    #expect(stage.ear.frames(to: typed).filter { $0.contains("\"folded\":29") }.count == 10)
  }

  @Test("the 101st evicts the oldest, one line of WARN when it happens; once somebody was there it counts anew")
  func eviction() throws {
    let message = "events evicted: more wait for a user than are kept"
    for number in 1...100 { try publish("alert:new", number) }
    #expect(stage.lines(saying: message).isEmpty)
    try publish("alert:new", 101)
    let lines = stage.lines(saying: message)
    #expect(lines.count == 1 && lines[0].contains(#""level":"WARN""#) && lines[0].contains(#""stream":"user/u-1""#))
    for number in 102...110 { try publish("alert:new", number) }
    #expect(stage.lines(saying: message).count == 1)
    try connect(("dialect", "flat"))
    try greet()
    #expect(shown() == Array(11...110))
    try publish("alert:new", 111)
    _ = try stage.disconnect()
    for number in 112...211 { try publish("alert:new", number) }
    #expect(stage.lines(saying: message).count == 1)
    try publish("alert:new", 212)
    #expect(stage.lines(saying: message).count == 2)
  }

  @Test(
    "the 101st of one publish evicts the oldest with a line as well where the last client left a moment ago, greeted or not",
    arguments: [true, false])
  func evictionAfterLeaving(isGreeted: Bool) throws {
    try connect(("dialect", "flat"))
    if isGreeted { try greet() }
    _ = try stage.disconnect()
    try publishAtOnce(1...101)
    #expect(stage.lines(saying: "events evicted: more wait for a user than are kept").count == 1)
    let next = ConnectionID("Next=")!
    try connect(("dialect", "flat"), id: next)
    try greet()
    #expect(shown(next) == Array(2...101))
  }

  @Test("nothing is evicted where a client is there and was not greeted yet: all of it comes to it")
  func noEviction() throws {
    try connect(("dialect", "flat"))
    try publishAtOnce(1...101)
    #expect(stage.lines(saying: "events evicted: more wait for a user than are kept").isEmpty)
    try greet()
    // Twenty at once, the rest by the lag sender.
    #expect(shown().prefix(20) == Array(1...20)[...])
  }

  private func publishAtOnce(_ numbers: ClosedRange<Int>) throws {
    let events = numbers.map { "{\"type\":\"alert:new\",\"user\":\"u-1\",\"data\":{\"n\":\($0)}}" }
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
  }

  @Test("ends five minutes after the last client left, which is one line of INFO, and no path reads it after that")
  func lapse() throws {
    try connect(("hello", "1"))
    try hello()
    try publish("order:update", 1, key: "o-1")
    let cursor = stage.ear.frames(to: stage.id).compactMap { frame in
      frame.split(separator: "\"cursor\":\"").dropFirst().first.map { String($0.prefix { $0 != "\"" }) }
    }.last
    _ = try stage.disconnect()
    try publish("order:update", 2, key: "o-2")
    stage.clock.advance(seconds: 310)
    let names = ["First=", "Second=", "Third="].map { ConnectionID($0)! }
    try connect(("dialect", "flat"), id: names[0])
    try greet()
    try connect(("hello", "1"), id: names[1])
    try hello(id: names[1])
    try connect(("hello", "1"), id: names[2])
    try hello(cursor: cursor, id: names[2])
    for name in names { #expect(shown(name).isEmpty, "\(name.text)") }
    let lines = stage.lines(saying: "events kept for a user lapsed")
    #expect(lines.count == 1 && lines[0].contains(#""level":"INFO""#) && lines[0].contains(#""user":"u-1""#))
    #expect(lines[0].contains(#""requestId":""#) && lines[0].contains(#""correlationId":""#))
    try publish("order:update", 3, key: "o-3")
    for name in names { #expect(shown(name) == [3]) }
  }

  @Test("of a user who was never there it waits five minutes as well; what lapsed then comes back on no path")
  func neverThere() throws {
    try publish("order:update", 1, key: "o-1")
    stage.clock.advance(seconds: 200)
    try publish("order:update", 2, key: "o-2")
    stage.clock.advance(seconds: 200)
    let names = ["First=", "Second=", "Third=", "Fourth="].map { ConnectionID($0)! }
    try connect(("dialect", "flat"), id: names[0])
    try greet()
    try connect(("hello", "1"), id: names[1])
    try hello(id: names[1])
    #expect(shown(names[0]) == [2] && shown(names[1]) == [2])
    let lines = stage.lines(saying: "events kept for a user lapsed")
    #expect(lines.count == 1 && lines[0].contains(#""level":"INFO""#) && lines[0].contains(#""user":"u-1""#))
    #expect(lines[0].contains(#""requestId":""#) && lines[0].contains(#""correlationId":""#))
    // It has been there from then on: what comes is kept for all of its clients, as long as one stays.
    try publish("order:update", 3, key: "o-3")
    stage.clock.advance(seconds: 3_000)
    try connect(("hello", "1"), id: names[2])
    _ = try stage.say(#"{"type":"hello","n":1,"accept":[],"seen":{"user/u-1":0}}"#, id: names[2])
    #expect(shown(names[2]) == [2, 3])
    for name in names.prefix(3) { _ = try stage.disconnect(id: name) }
    stage.clock.advance(seconds: 60)
    try connect(("dialect", "message"), id: names[3])
    try greet()
    #expect(shown(names[3]) == [2, 3])
    #expect(stage.lines(saying: "events kept for a user lapsed").count == 1)
  }

  @Test("two clients of a user who was never there that come at once find the same, and one says what lapsed")
  func bothAtOnce() throws {
    try publish("order:update", 1, key: "o-1")
    stage.clock.advance(seconds: 250)
    try publish("order:update", 2, key: "o-2")
    stage.clock.advance(seconds: 100)
    let names = ["First=", "Second="].map { ConnectionID($0)! }
    try connect(("hello", "1"), id: names[0])
    stage.clock.advance(seconds: 240)
    try connect(("hello", "1"), id: names[1])
    // The later one first: what is kept counts from the first that came.
    try hello(id: names[1])
    try hello(id: names[0])
    #expect(shown(names[0]) == [2] && shown(names[1]) == [2])
    #expect(stage.lines(saying: "events kept for a user lapsed").count == 1)
  }

  @Test("is kept while one client of the user stays, however many of the others leave, and however long ago")
  func oneStays() throws {
    let names = ["First=", "Second=", "Third="].map { ConnectionID($0)! }
    for name in names.prefix(2) {
      try connect(("dialect", "flat"), id: name)
      try greet()
    }
    _ = try stage.disconnect(id: names[0])
    for number in 1...2 {
      try publish("alert:new", number)
      stage.clock.advance(seconds: 400)
    }
    try connect(("hello", "1"), id: names[2])
    try hello(id: names[2])
    #expect(shown(names[1]) == [1, 2] && shown(names[2]) == [1, 2] && shown(names[0]).isEmpty)
    #expect(stage.lines(saying: "events kept for a user lapsed").isEmpty)
  }

  @Test("is kept for a user who comes back within five minutes")
  func kept() throws {
    try connect(("dialect", "flat"))
    try greet()
    _ = try stage.disconnect()
    for number in 1...3 { try publish("alert:new", number) }
    stage.clock.advance(seconds: 290)
    let next = ConnectionID("Next=")!
    try connect(("dialect", "flat"), id: next)
    try greet()
    #expect(shown(next) == [1, 2, 3])
    #expect(stage.lines(saying: "events kept for a user lapsed").isEmpty)
  }

  @Test("a greeting that never comes keeps live events for ten seconds at most")
  func noGreeting() throws {
    try publish("alert:new", 1)
    try connect(("dialect", "flat"))
    try publish("alert:new", 2)
    #expect(shown().isEmpty)
    stage.clock.advance(seconds: 11)
    try publish("alert:new", 3)
    #expect(shown() == [2, 3])
  }
}
