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
    #expect(try stage().publish(queue(bodies), log: BrokenLog()) == failures(1))
    #expect(try stage().publish(queue(bodies, name: "ticks.fifo"), log: BrokenLog()) == failures(1, 2))
  }

  @Test("of an ordered queue nothing overtakes a message that comes again")
  func ordered() throws {
    let stage = try stage()
    let bodies = [#"{"type":"signal","data":1}"#, #"{"type":"broken","data":2}"#, #"{"type":"risk","data":3}"#]
    #expect(try stage.publish(queue(bodies, name: "ticks.fifo"), log: BrokenLog()) == failures(1, 2))
    #expect(stage.ear.posts.map { $0.frame.suffix(9) } == [#""data":1}"#])
  }

  @Test("a publish of which nothing was taken fails, so that Lambda makes an asynchronous one again")
  func asynchronous() throws {
    let payload = #"{"type":"broken","data":1}"#
    #expect(throws: InvocationFailed.self) { try stage().publish(payload, log: BrokenLog()) }
    let mixed = #"{"events":[{"type":"broken","data":1},{"type":"signal","data":1}]}"#
    #expect(try stage().publish(mixed, log: BrokenLog()).contains("\"code\":\"not_appended\""))
  }

  @Test("events get the name of their message as idempotency key, unless they bring one")
  func idempotency() throws {
    let log = BrokenLog()
    _ = try stage().publish(
      queue([#"{"events":[{"type":"signal","data":1},{"type":"signal","data":2,"idempotencyKey":"mine"}]}"#]), log: log)
    #expect(log.keys == ["sqs:m-0#0", "mine"])
  }

  @Test("a source that cannot be told of a part has the invocation fail, for what may pass only")
  func wholeFailure() throws {
    let event =
      #"{"version":"0","id":"1","detail-type":"broken","source":"a","time":"2026-11-20T12:00:00Z","detail":1}"#
    #expect(throws: InvocationFailed.self) { try stage().publish(event, log: BrokenLog()) }
    #expect(try stage().publish(event.replacing("broken", with: "ready"), log: BrokenLog()) == "{}")
  }

  @Test("what came from a source that is not known fails, so that it is not lost")
  func unknownSource() throws {
    #expect(throws: UnknownSource.self) { try stage().publish(#"{"Records":[{"eventSource":"aws:s3"}]}"#) }
  }

  @Test("whichever call to the table fails, a message was sent or comes again")
  func everyFailure() throws {
    let bodies = (0..<3).map { "{\"type\":\"t\($0)\",\"data\":\($0)}" }
    var stages: [Stage] = []
    for place in 1... {
      var failing: FailingTable?
      let stage = Stage { table in
        let made = FailingTable(table, failing: place + 1)
        failing = made
        return made
      }
      stages.append(stage)
      _ = try stage.connect([("eventTypes", "t0,t1,t2"), ("role", "admin")])
      let answer = try stage.publish(queue(bodies))
      for number in 0..<3 {
        let wasSent = stage.ear.posts.contains { $0.frame.contains("\"t\(number)\"") }
        // Both where the failure came after a page of listeners had been served.
        #expect(wasSent || answer.contains("m-\(number)"), "call \(place)")
      }
      if try #require(failing).hasFailed == false { break }
    }
    #expect(stages.count > 3)
  }
}

/// A log that fails for one stream and remembers the idempotency keys.
private final class BrokenLog: EventLog {
  private(set) var keys: [String] = []

  func append(_ events: [Event], to stream: String) throws -> [AppendOutcome] {
    if stream == "all/broken" { throw TableError(.unavailable, "transact") }
    keys += events.compactMap(\.idempotencyKey)
    return events.map { _ in .appended(sequence: nil) }
  }
}
