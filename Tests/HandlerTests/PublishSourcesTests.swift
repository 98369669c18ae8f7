import ConnectionStore
import Connections
import JSON
import Messaging
import TestSupport
import Testing

@testable import Publisher

@Suite("publish from a source")
struct PublishSourcesTests {
  private func queue(_ bodies: [String], name: String = "ticks") -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("Records")
      writer.array { writer in
        for (place, body) in bodies.enumerated() {
          writer.object { writer in
            writer.member("messageId", "m-\(place)")
            writer.member("body", body)
            writer.member("eventSource", "aws:sqs")
            writer.member("eventSourceARN", "arn:aws:sqs:us-east-1:123456789012:\(name)")
          }
        }
      }
    }
    return text(writer.bytes)
  }

  private func failures(_ numbers: Int...) -> String {
    "{\"batchItemFailures\":[\(numbers.map { "{\"itemIdentifier\":\"m-\($0)\"}" }.joined(separator: ","))]}"
  }

  private func stage() throws -> Stage {
    let stage = Stage()
    _ = try stage.connect([("eventTypes", "signal,risk"), ("role", "admin")])
    return stage
  }

  private func brokenPublish(_ payload: String) throws -> String {
    let stage = try stage()
    return try stage.publish(payload, over: BrokenStreamTable(stage.table))
  }

  @Test("messages of a queue reach the listeners; what can never be published does not come again")
  func queueWithBadMessages() throws {
    let stage = try stage()
    let answer = try stage.publish(
      queue([
        #"{"type":"signal","data":1}"#, "not JSON", #"{"type":"ready","data":1}"#,
        #"{"events":[{"type":"signal","data":2},{"data":3},{"type":"signal","data":4}]}"#,
        "{\"type\":\"signal\",\"data\":\"\(String(repeating: "x", count: 1 << 20))\"}",
      ]))
    #expect(answer == failures())
    #expect(stage.ear.posts.map { $0.frame.suffix(9) } == [#""data":1}"#, #""data":2}"#, #""data":4}"#])
  }

  @Test(
    "a message whose events could not be appended comes again, alone from a queue, with all after it from an ordered one"
  )
  func notAppended() throws {
    let bodies = [
      #"{"type":"signal","data":1}"#, #"{"events":[{"type":"signal","data":2},{"type":"broken","data":3}]}"#,
      #"{"type":"signal","data":4}"#,
    ]
    #expect(try brokenPublish(queue(bodies)) == failures(1))
    #expect(try brokenPublish(queue(bodies, name: "ticks.fifo")) == failures(1, 2))
  }

  @Test("of an ordered queue nothing overtakes a message that comes again")
  func ordered() throws {
    let stage = try stage()
    let bodies = [#"{"type":"signal","data":1}"#, #"{"type":"broken","data":2}"#, #"{"type":"risk","data":3}"#]
    #expect(
      try stage.publish(queue(bodies, name: "ticks.fifo"), over: BrokenStreamTable(stage.table)) == failures(1, 2))
    #expect(stage.ear.posts.map { $0.frame.suffix(9) } == [#""data":1}"#])
  }

  @Test("a publish of which nothing was taken fails, so that Lambda makes an asynchronous one again")
  func asynchronous() throws {
    let payload = #"{"type":"broken","data":1}"#
    #expect(throws: InvocationFailed.self) { try brokenPublish(payload) }
    let mixed = #"{"events":[{"type":"broken","data":1},{"type":"signal","data":1}]}"#
    #expect(try brokenPublish(mixed).contains("\"code\":\"not_appended\""))
  }

  @Test("a message that comes again is the same events, unless they bring names of their own")
  func idempotency() throws {
    let stage = try stage()
    let payload = queue([#"{"events":[{"type":"signal","data":1},{"type":"signal","data":2,"idempotencyKey":"mine"}]}"#]
    )
    for _ in 0..<2 { #expect(try stage.publish(payload) == failures()) }
    #expect(stage.ear.posts.count == 2)
    #expect(try stage.publish(#"{"type":"signal","data":2,"idempotencyKey":"mine"}"#).contains(#""deliveries":0"#))
  }

  @Test(
    "why nothing was taken is told, and whether it passes by itself",
    arguments: [
      (TableError.Code.unavailable, "the table did not answer; invoke again"),
      (.corrupt, "the table holds something unknown; that does not pass by itself"),
      (.unusable, "the table cannot be used; that does not pass by itself"),
    ])
  func told(code: TableError.Code, words: String) throws {
    let stage = Stage()
    let error = try #require(
      throws: (any Error).self,
      performing: {
        try stage.publish(#"{"type":"broken","data":1}"#, over: BrokenStreamTable(stage.table, code))
      })
    #expect("\(error)".hasPrefix("direct: 1 were not published: table ") && "\(error)".hasSuffix(words), "\(error)")
  }

  @Test("a source that cannot be told of a part has the invocation fail, for what may pass only")
  func wholeFailure() throws {
    let event =
      #"{"version":"0","id":"1","detail-type":"broken","source":"a","time":"2026-11-20T12:00:00Z","detail":1}"#
    #expect(throws: InvocationFailed.self) { try brokenPublish(event) }
    #expect(try brokenPublish(event.replacing("broken", with: "ready")) == "{}")
  }

  @Test("what is refused at the append is reported once, with source, message, code and reason")
  func taken() throws {
    let stage = try stage()
    let first = #"{"type":"signal","data":1,"idempotencyKey":"mine"}"#
    let second = #"{"type":"signal","data":2,"idempotencyKey":"mine"}"#
    #expect(try stage.publish(queue([first, second])) == failures())
    let line = try #require(stage.lines(saying: "event rejected").first)
    #expect(stage.lines(saying: "event rejected").count == 1)
    for part in [
      #""source":"sqs""#, #""from":"arn:aws:sqs:us-east-1:123456789012:ticks""#, #""messageId":"m-1""#, #""event":0"#,
      #""code":"idempotency_key_taken""#, #"\"mine\" belongs to another event of this batch"#,
    ] { #expect(line.contains(part), "\(part)") }
  }

  @Test(
    "a message is named as its source names it, whatever its name looks like",
    arguments: [
      (
        #"[{"eventSource":"aws:sqs","eventSourceARN":"ARN","messageId":"ID","body":"no"}]"#,
        "059f36b4-87a3-44ab-83d2-661975040001"
      ),
      (#"[{"eventSource":"aws:sqs","eventSourceARN":"ARN","messageId":"ID"}]"#, "a1234567-0123-4567-8901-234567890123"),
      (
        #"[{"eventSource":"aws:kinesis","eventSourceARN":"ARN","sequenceNumber":"ID","data":"!"}]"#,
        "49590338271490256608559692538361571095921575989136588898"
      ),
      (
        #"[{"eventSource":"aws:dynamodb","eventSourceARN":"ARN","eventName":"*","dynamodb":{"SequenceNumber":"ID"}}]"#,
        "1405400000000002063282832"
      ),
      (
        #"[{"eventSource":"aws:kafka","eventSourceArn":"ARN","topic":"ticks","partition":"0","offset":1234567}]"#,
        "ticks-0/1234567"
      ),
      (
        #"[{"eventSource":"aws:rmq","eventSourceArn":"ARN","eventSourceKey":"q::/","basicProperties":{"messageId":7}}]"#,
        "q::/ 7"
      ),
    ])
  func names(payload: String, id: String) throws {
    let stage = try stage()
    let arn = "arn:aws:service:us-east-2:123456789012:kind/ticks"
    _ = try stage.publish(payload.replacing("\"ID\"", with: "\"\(id)\"").replacing("\"ARN\"", with: "\"\(arn)\""))
    let line = try #require(stage.lines(saying: "event rejected").first)
    #expect(line.contains("\"messageId\":\"\(id)\"") && line.contains("\"from\":\"\(arn)\""), "\(line)")
  }

  @Test("one message that is not as its source writes it is reported, and says nothing of the others")
  func malformed() throws {
    let stage = try stage()
    let good = #"{"eventSource":"aws:sqs","messageId":"m-0","body":"{\"type\":\"signal\",\"data\":1}"}"#
    for bad in [#""body":null"#, #""body":7"#, #""body":"\ud800""#, #""x":1"#] {
      let answer = try stage.publish(
        "{\"Records\":[{\"messageId\":\"m-1\",\(bad),\"eventSource\":\"aws:sqs\"},\(good)]}")
      #expect(answer == failures())
    }
    #expect(stage.lines(saying: "event rejected").count == 4)
    #expect(stage.ear.posts.count == 1)
  }

  @Test("of a message with very many bad events a hundred are reported, and how many more there are")
  func manyBadEvents() throws {
    let stage = try stage()
    let events = Array(repeating: "7", count: 1_000).joined(separator: ",")
    #expect(try stage.publish(queue(["{\"events\":[\(events)]}", "7"])) == failures())
    #expect(stage.lines(saying: "event rejected").count == 101)
    #expect(stage.lines(saying: "further events of the message rejected").first?.contains(#""events":900"#) == true)
  }

  @Test(
    "a payload of which nothing can be taken fails and is told: a constant of a rule, a list that no pipe wrote",
    arguments: [
      #""constant""#, "7", "null", "[]", "[7]", #"[{"type":"signal","data":1}]"#, "{}", #"{"type":"ready","data":1}"#,
      #"{"events":[{"data":1},7]}"#, #"{"detail-type":"x","detail":{}}"#, "not JSON",
      #"{"type":"signal","data":1,"more":[],"events":[{"type":"signal","data":2}]}"#,
      #"{"events":[{"type":"signal","data":1}],"events":[{"type":"signal","data":2}]}"#,
    ])
  func nothing(payload: String) throws {
    let stage = try stage()
    let answer = try stage.refused(payload)
    #expect(answer.hasPrefix(#"{"accepted":0,"rejected":"#) && answer.contains(#""code":"#))
    let lines = stage.lines(saying: "event rejected")
    #expect(lines.count == (payload.contains("},7]") ? 2 : 1))
    #expect(lines.allSatisfy { $0.contains(#""source":"direct""#) })
  }

  @Test(
    "a direct publish of which a part was taken is answered, and the rest is reported as well: nobody may read the answer"
  )
  func part() throws {
    let stage = try stage()
    let answer = try stage.publish(
      #"{"events":[{"type":"signal","data":1},7,{"type":"broken","data":1}]}"#, over: BrokenStreamTable(stage.table))
    #expect(answer.hasPrefix(#"{"accepted":1,"rejected":2,"#))
    let lines = stage.lines(saying: "event rejected")
    #expect(lines.map { $0.contains(#""event":1"#) && $0.contains("not_an_object") } == [true, false])
    #expect(lines.map { $0.contains(#""event":2"#) && $0.contains("not_appended") } == [false, true])
  }

  @Test("a message that comes again is reported when it is done, not at each delivery")
  func toldWhenDone() throws {
    let stage = try stage()
    let bodies = [#"{"type":"broken","data":1}"#, "not JSON"]
    let payload = queue(bodies, name: "ticks.fifo")
    #expect(throws: InvocationFailed.self) { try stage.publish(payload, over: BrokenStreamTable(stage.table)) }
    #expect(stage.lines(saying: "event rejected").isEmpty)
    #expect(try stage.publish(payload) == failures())
    #expect(stage.lines(saying: "event rejected").count == 1)
  }

  @Test("a topic that was made again has its events published, though its offsets began anew")
  func topicMadeAgain() throws {
    let stage = try stage()
    func payload(_ data: Int, _ milliseconds: Int) -> String {
      let value = Base64.encode(bytes("{\"type\":\"signal\",\"data\":\(data)}"))
      return
        #"{"eventSource":"aws:kafka","eventSourceArn":"arn:c","records":{"t-0":[{"topic":"t","partition":0,"offset":0,"timestamp":\#(milliseconds),"value":"\#(value)"}]}}"#
    }
    _ = try stage.publish(payload(1, 1_000))
    _ = try stage.publish(payload(1, 2_000))
    _ = try stage.publish(payload(2, 3_000))
    #expect(stage.lines(saying: "event rejected").isEmpty && stage.ear.posts.count == 3)
    for _ in 0..<2 { _ = try stage.publish(payload(3, 3_000)) }
    #expect(stage.ear.posts.count == 4)
    let warning = stage.lines(saying: "event published; another message bears the same name")
    #expect(warning.map { $0.contains(#""messageId":"t-0/0""#) } == [true])
  }

  @Test("what came from a source that is not known fails, so that it is not lost")
  func unknownSource() throws {
    #expect(throws: UnknownSource.self) { try stage().publish(#"{"Records":[{"eventSource":"aws:s3"}]}"#) }
  }

  @Test("whichever call to the table fails, a message was sent, comes again, or is sent by the sweep")
  func everyFailure() throws {
    let bodies = (0..<3).map { "{\"type\":\"t\($0)\",\"data\":\($0)}" }
    for place in 1... {
      let stage = Stage()
      _ = try stage.connect([("eventTypes", "t0,t1,t2"), ("role", "admin")])
      let failing = FailingTable(stage.table, failing: place)
      let answer = try stage.publish(queue(bodies), over: failing)
      stage.clock.advance(seconds: 11)
      _ = try stage.publish(#"{"sweep":{}}"#)
      for number in 0..<3 {
        let wasSent = stage.ear.posts.contains { $0.frame.contains("\"t\(number)\"") }
        #expect(wasSent != answer.contains("m-\(number)"), "call \(place)")
      }
      if !failing.hasFailed { return }
    }
  }
}
