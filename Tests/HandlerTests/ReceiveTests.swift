import ConnectionStore
import Connections
import EventLog
import Frames
import Messaging
import TestSupport
import Testing

@Suite("$default")
struct ReceiveTests {
  private func connected(_ query: [(String, String)] = []) throws -> Stage {
    let stage = Stage()
    _ = try stage.connect(query)
    return stage
  }

  @Test(
    "every shape of a subscribe subscribes",
    arguments: [
      (#"{"type":"subscribe","eventTypes":["signal","risk"]}"#, ["signal *", "risk *"]),
      (#"{"type":"subscribe","data":{"eventTypes":["signal"]}}"#, ["signal *"]),
      (
        #"{"type":"subscribe","eventTypes":["price:update"],"keys":["AAPL","MS*"]}"#,
        ["price:update AAPL", "price:update MS*"]
      ),
      (
        #"{"type":"subscribe","subscription":"credit_updates"}"#,
        [
          "credit_updates *", "credit_analysis *", "risk_score_update *", "factor_explanation *", "recommendation *",
        ]
      ),
      (
        #"{"type":"subscribe","channels":["stream:market_data:AAPL"],"symbols":["AAPL"],"data_types":["market_data"]}"#,
        ["stream:market_data AAPL"]
      ),
      (#"{"type":"subscribe","symbols":["AAPL"]}"#, ["stream:market_data AAPL"]),
      (#"{"type":"subscribe","data_types":["news"]}"#, ["stream:news *"]),
      (#"{"type":"subscribe","eventTypes":["order:*"]}"#, ["order:update *", "order:fill *"]),
    ])
  func shapes(frame: String, expected: [String]) throws {
    let stage = try connected()
    let answer = try stage.say(frame)
    #expect(answer?.hasPrefix(#"{"type":"subscribed","#) == true, "\(answer ?? "nothing")")
    let entries = try stage.connections.connection(id: stage.id)?.subscriptions.active ?? []
    let texts = entries.map { entry in
      switch entry.selector {
      case .all: "\(entry.type) *"
      case .key(let key): "\(entry.type) \(key)"
      case .prefix(let prefix): "\(entry.type) \(prefix)*"
      }
    }
    #expect(texts == expected)
    let undo = frame.replacingFirst("subscribe", with: "unsubscribe")
    #expect(try stage.say(undo)?.contains("\"subscriptions\":0") == true)
    #expect(try stage.connections.connection(id: stage.id)?.subscriptions.active == [])
  }

  @Test("the acknowledgement says what was done, what was refused and how many there are")
  func acknowledgement() throws {
    let stage = try connected([("role", "viewer")])
    #expect(
      try stage.say(#"{"type":"subscribe","eventTypes":["signal","risk"],"n":4}"#)
        == #"{"type":"subscribed","n":4,"eventTypes":["signal"],"refused":[{"name":"risk","code":"not_allowed","message":"the role 'viewer' may not see it"}],"subscriptions":1}"#
    )
    #expect(
      try stage.say(#"{"type":"unsubscribe","eventTypes":["signal"],"n":3}"#)?.contains("\"subscriptions\":1") == true)
    #expect(
      try stage.say(#"{"type":"unsubscribe","eventTypes":["signal"],"n":5}"#)?.contains("\"subscriptions\":0") == true)
  }

  @Test(
    "a frame that cannot be taken is answered with its error, and nothing is changed",
    arguments: [
      ("", "not_json"), ("{", "not_json"), ("ping", "not_json"), ("not json", "not_json"), ("nul", "not_json"),
      ("null", "wrong_shape"), ("[]", "wrong_shape"), ("\"ping\"", "wrong_shape"),
      ("{}", "wrong_shape"), (#"{"type":7}"#, "wrong_shape"), (#"{"type":"dance"}"#, "unknown_type"),
      (#"{"type":"subscribe"}"#, "wrong_shape"), (#"{"type":"subscribe","eventTypes":7}"#, "wrong_shape"),
      (#"{"type":"subscribe","eventTypes":[7]}"#, "wrong_shape"),
      (#"{"type":"subscribe","eventTypes":["a"],"n":1.5}"#, "wrong_shape"),
      (#"{"type":"subscribe","eventTypes":["nothing*"]}"#, "unknown_type"),
      (#"{"type":"subscribe","eventTypes":["ready"]}"#, "invalid_name"),
      (#"{"type":"subscribe","eventTypes":["risk"]}"#, "not_allowed"),
      (#"{"type":"subscribe","eventTypes":["risk","risk"]}"#, "not_allowed"),
      (#"{"type":"subscribe","eventTypes":["\ud800"]}"#, "not_json"),
      (#"{"type":"ping"} x"#, "not_json"),
    ])
  func refusals(frame: String, code: String) throws {
    let stage = try connected([("role", "viewer")])
    let answer = try stage.say(frame)
    #expect(
      answer?.hasPrefix("{\"type\":\"error\",\"code\":\"\(code)\",\"message\":\"") == true, "\(answer ?? "nothing")")
    #expect(answer?.hasSuffix("\"requestId\":\"r-2\"}") == true)
    #expect(try stage.connections.connection(id: stage.id)?.subscriptions.active == [])
  }

  @Test("who subscribes to nothing but what its role may not see has asked: it gets no other event of its user")
  func refusedIsAsked() throws {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer")])
    let fill = #"{"type":"order:fill","user":"u-1","data":{"orderId":"1"}}"#
    _ = try stage.publish(fill)
    #expect(stage.ear.frames(to: stage.id).count == 1)
    #expect(try stage.say(#"{"type":"subscribe","eventTypes":["system"]}"#)?.contains("not_allowed") == true)
    _ = try stage.publish(fill)
    #expect(stage.ear.frames(to: stage.id).count == 1)
  }

  @Test("1,000 subscriptions are refused with the limit named, and so is one more than 128", arguments: [129, 1000])
  func tooMany(count: Int) throws {
    let stage = try connected()
    let names = (0..<count).map { "\"t\($0)\"" }.joined(separator: ",")
    let answer = try stage.say("{\"type\":\"subscribe\",\"eventTypes\":[\(names)]}")
    #expect(answer?.contains("too_many_subscriptions") == true)
    #expect(answer?.contains("\(count) subscriptions are too many: one connection may hold 128") == true)
    #expect(try stage.connections.connection(id: stage.id)?.subscriptions.active == [])
  }

  @Test(
    "10,000 subscriptions in one small frame, a hundred names of a hundred keys, are refused as what they are",
    arguments: ["subscribe", "hello"])
  func tooManyPairs(type: String) throws {
    let stage = try connected()
    let names = (0..<100).map { "\"t\($0)\"" }.joined(separator: ",")
    let answer = try stage.say("{\"type\":\"\(type)\",\"eventTypes\":[\(names)],\"keys\":[\(names)]}")
    #expect(
      answer?.contains("10000 subscriptions are too many: one connection may hold 128") == true, "\(answer ?? "")")
    #expect(try stage.connections.connection(id: stage.id)?.subscriptions.active == [])
    #expect(stage.ear.posts.isEmpty)
  }

  @Test("ping is answered, with its cursor for whoever said hello; pong is not")
  func ping() throws {
    let stage = try connected()
    #expect(
      try stage.say(#"{"type":"ping","n":7}"#) == #"{"type":"pong","n":7,"timestamp":"2027-01-15T08:00:00.002Z"}"#)
    // As the clients of the documents say it.
    #expect(
      try stage.say(#"{"type":"ping","data":{"timestamp":1}}"#)
        == #"{"type":"pong","timestamp":"2027-01-15T08:00:00.003Z"}"#)
    #expect(try stage.say(#"{"type":"pong"}"#) == nil)
    _ = try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#)
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    let epoch = try #require(try StreamLog(table: stage.table, clock: stage.clock.clock).head(stream: "all/signal"))
      .epoch
    var cursor = Cursor()
    cursor.set(stream: "all/signal", epoch: epoch, to: 1)
    cursor.set(stream: "all/announcement", epoch: "", to: 0)
    #expect(try stage.say(#"{"type":"ping"}"#)?.hasPrefix("{\"type\":\"pong\",\"cursor\":\"\(cursor.text)\"") == true)
  }

  @Test("who changes subscriptions faster than ten times a second, twenty at once, is told so, and nothing is changed")
  func tooFast() throws {
    let stage = try connected()
    var number = 0
    /// Whether each of so many subscribes, a millisecond apart, was refused.
    func refused(_ count: Int) throws -> [Bool] {
      try (0..<count).map { _ in
        number += 1
        return try stage.say("{\"type\":\"subscribe\",\"eventTypes\":[\"t\(number)\"]}")?
          .contains(#""code":"too_fast""#) ?? true
      }
    }
    #expect(try refused(40) == Array(repeating: false, count: 20) + Array(repeating: true, count: 20))
    #expect(try stage.connections.connection(id: stage.id)?.subscriptions.active.count == 20)
    // Who goes on at ten a second is heard, at eleven not always. What changes nothing costs nothing.
    stage.clock.advance(milliseconds: 1_000 - 40)
    #expect(try refused(20) == Array(repeating: false, count: 10) + Array(repeating: true, count: 10))
    for _ in 0..<40 { #expect(try stage.say(#"{"type":"ping"}"#)?.hasPrefix(#"{"type":"pong""#) == true) }
  }

  @Test("so is who says hello faster, also without changing anything: each is answered with all there is")
  func helloTooFast() throws {
    let stage = try connected()
    let answers = try (0..<60).map { _ in try stage.say(#"{"type":"hello","eventTypes":["signal"]}"#) }
    let refused = answers.filter { $0?.contains(#""code":"too_fast""#) == true }.count
    #expect((35...40).contains(refused) && answers.count { $0 == nil } == 60 - refused, "\(refused)")
  }

  @Test("status tells who is connected and what it listens to")
  func status() throws {
    let stage = try connected([("userId", "u-1"), ("eventTypes", "risk_alert"), ("client_id", "c1")])
    let answer = try stage.say(#"{"type":"status"}"#)
    #expect(answer?.contains(#""userId":"u-1","role":"admin","clientId":"c1","dialect":"typed""#) == true)
    #expect(
      answer?.hasSuffix(
        #""eventTypes":["risk_alert"],"subscriptions":1,"streams":[{"stream":"user/u-1","last":0,"delivered":0},{"stream":"all/risk","last":0,"delivered":0},{"stream":"all/announcement","last":0,"delivered":0}]}"#
      ) == true)
    _ = try stage.publish(#"{"type":"risk","data":1}"#)
    #expect(try stage.say(#"{"type":"status"}"#)?.contains(#"{"stream":"all/risk","last":1,"delivered":1}"#) == true)
  }

  @Test(
    "a frame from a connection without a row is told so and closed",
    arguments: [
      #"{"type":"subscribe","eventTypes":["signal"]}"#, #"{"type":"status"}"#, #"{"type":"ping"}"#,
      #"{"type":"hello"}"#,
      #"{"type":"hello","subscriptions":["signal"]}"#, #"{"type":"unsubscribe","eventTypes":["signal"]}"#,
    ])
  func unknownConnection(frame: String) throws {
    let stage = Stage()
    #expect(try stage.say(frame) == nil)
    #expect(stage.ear.frames(to: stage.id).first?.contains("unknown_connection") == true)
    #expect(stage.ear.closed == [stage.id.text])
    #expect(try stage.connections.connection(id: stage.id) == nil)
  }

  @Test("a table that fails is an error of the function; the client says it again and is heard")
  func failingTable() throws {
    for found in 2...3 {
      let stage = Stage { FailingTable($0, failing: found) }
      _ = try stage.connect()
      let frame = #"{"type":"subscribe","eventTypes":["signal"]}"#
      #expect(throws: TableError.self) { _ = try stage.say(frame) }
      #expect(try stage.say(frame)?.hasPrefix(#"{"type":"subscribed""#) == true)
    }
  }
}

extension String {
  fileprivate func replacingFirst(_ word: String, with other: String) -> String {
    guard let found = range(of: word) else { return self }
    return replacingCharacters(in: found, with: other)
  }

  private func range(of word: String) -> Range<Index>? {
    indices.first { self[$0...].hasPrefix(word) }.map { $0..<index($0, offsetBy: word.count) }
  }

  private func replacingCharacters(in range: Range<Index>, with other: String) -> String {
    var copy = self
    copy.replaceSubrange(range, with: other)
    return copy
  }
}
