import ConnectionStore
import JSON
import Messaging
import Streams
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
