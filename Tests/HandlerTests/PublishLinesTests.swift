import Connections
import EventLog
import Messaging
import TestSupport
import Testing

@testable import Delivery

@Suite("the lines of a publish and of its deliveries")
struct PublishLinesTests {
  private func connected(_ ids: [String] = ["a=", "b="]) throws -> Stage {
    let stage = Stage()
    for id in ids {
      _ = try stage.connect([("userId", "u-1"), ("eventTypes", "signal,alert:new")], id: ConnectionID(id))
    }
    return stage
  }

  @Test("a publish is a line with its source, its counts, and the first and last event of its stream; never the data")
  func publish() throws {
    let stage = try connected()
    _ = try stage.publish(#"{"type":"signal","data":{"iban":"DE02"}}"#)
    _ = try stage.publish(#"{"events":[{"type":"signal","data":"DE02"},{"type":"signal","data":2},{"type":7}]}"#)
    let lines = stage.lines(saying: "published")
    try #require(lines.count == 2)
    #expect(lines[0].contains(#""source":"direct","stream":"all/signal","firstSeq":1,"lastSeq":1,"accepted":1"#))
    #expect(lines[1].contains(#""firstSeq":2,"lastSeq":3,"accepted":2,"rejected":1,"queued":0,"deliveries":4"#))
    #expect(stage.lines.all.allSatisfy { !$0.contains("DE02") })
  }

  @Test("of several streams the line says which events of which; a user's stream by a hash, and no more than ten")
  func streams() throws {
    let stage = Stage()
    _ = try stage.publish(
      #"{"events":[{"type":"signal","data":1},{"type":"order:update","user":"anna@example.com","data":1}]}"#)
    let line = try #require(stage.lines(saying: "published").first)
    #expect(line.contains(#""streams":2,"sequences":"all/signal 1-1, user/sha256:"#) && !line.contains("anna"))
    let many = (0..<12).map { #"{"type":"t-\#($0)","data":1}"# }.joined(separator: ",")
    _ = try stage.publish(#"{"events":[\#(many)]}"#)
    let other = try #require(stage.lines(saying: "published").last)
    #expect(other.contains(#""streams":12,"#) && other.contains(#"all/t-9 1-1 and 2 more""#) && !other.contains("t-10"))
  }

  @Test("an invocation that publishes nothing is no publish, and accepted nothing that it could count")
  func pending() throws {
    let stage = try connected()
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    let before = stage.lines.all.count
    _ = try stage.publish(#"{"sendPending":"all/signal"}"#)
    let written = stage.lines.all.dropFirst(before)
    #expect(written.contains { $0.contains(#""message":"pending events sent""#) })
    #expect(!written.contains { $0.contains(#""message":"published""#) || $0.contains("\"Accepted\"") })
  }

  @Test("where another process has the stream, how many got something is not written as 0")
  func leaseTaken() throws {
    let stage = try connected()
    let checkpoints = Checkpoints(table: stage.table, clock: stage.clock.clock)
    _ = try #require(try checkpoints.acquire(stream: "all/signal"))
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    let line = try #require(stage.lines.all.last { $0.contains("_aws") })
    #expect(line.contains(#""Accepted":[1.0]"#))
    for name in ["Receivers", "Delivered", "Failed", "LogAgeMilliseconds"] { #expect(!line.contains(name), "\(line)") }
  }

  @Test("an alert of level error is a line with how many have it, lag, and can never have it")
  func alert() throws {
    let stage = try connected(["a=", "b=", "c="])
    stage.ear.refusing = ["b="]
    stage.ear.gone = ["c="]
    stage.clock.advance(seconds: 60)
    _ = try stage.publish(#"{"type":"alert:new","data":{"level":"error","message":"DE02"},"correlationId":"a-7"}"#)
    let line = try #require(stage.lines(saying: "alert sent").first)
    #expect(
      line.contains(
        #""stream":"all/alert:new","seq":1,"correlationId":"a-7","delivered":1,"lagging":1,"failed":0,"gone":1}"#))
    #expect(line.contains(#""level":"INFO""#) && !line.contains("DE02"))
    // One that lags is left out of the next round, and has both from the lag sender.
    _ = try stage.publish(#"{"type":"alert:new","data":{"level":"error"}}"#)
    #expect(stage.lines(saying: "alert sent").last?.contains(#""seq":2,"#) == true)
    #expect(stage.lines(saying: "alert sent").last?.contains(#""delivered":1,"lagging":1,"failed":0"#) == true)
    stage.ear.refusing = []
    stage.clock.advance(seconds: 30)
    _ = try stage.publish(#"{"lag":"all/alert:new"}"#)
    let late = stage.lines(saying: "alert sent").dropFirst(2)
    #expect(late.count == 2 && late.allSatisfy { $0.contains(#""delivered":1,"lagging":0,"failed":0"#) }, "\(late)")
  }

  @Test("an alert of another level, and another event, are none; one for nobody who is here is one")
  func otherLevels() throws {
    let stage = try connected()
    _ = try stage.publish(#"{"type":"alert:new","data":{"level":"warning"}}"#)
    _ = try stage.publish(#"{"type":"signal","data":{"level":"error"}}"#)
    #expect(stage.lines(saying: "alert sent").isEmpty)
    _ = try stage.publish(#"{"type":"alert:new","user":"u-9","data":{"level":"error"}}"#)
    #expect(
      stage.lines(saying: "alert sent").first?.contains(#""delivered":0,"lagging":0,"failed":0,"gone":0"#) == true)
  }

  @Test("a failed delivery is an error, once; that it fails again while the client lags is a warning")
  func failed() throws {
    let stage = try connected()
    stage.ear.refusing = ["b="]
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    for _ in 0..<3 {
      stage.clock.advance(seconds: 30)
      _ = try stage.publish(#"{"lag":"all/signal"}"#)
    }
    let lines = stage.lines(saying: "delivery refused")
    #expect(lines.count >= 3)
    #expect(lines[0].contains(#""level":"ERROR""#) && lines[0].contains(#""connectionId":"b=","status":429"#))
    #expect(lines.dropFirst().allSatisfy { $0.contains(#""level":"WARN""#) })
    let metrics = stage.lines.all.filter { $0.contains("_aws") }
    #expect(metrics[0].contains(#""Failed":[1.0]"#))
  }

  @Test("a connection that a sender finds gone has ended: one line, one count, by its reason")
  func gone() throws {
    let stage = try connected(["a="])
    stage.clock.advance(seconds: 60)
    stage.ear.gone = ["a="]
    _ = try stage.publish(#"{"type":"signal","data":1}"#)
    stage.clock.advance(seconds: 1)
    _ = try stage.publish(#"{"lag":"all/signal"}"#)
    let lines = stage.lines(saying: "disconnected")
    try #require(lines.count == 1)
    #expect(
      lines[0].contains(#""correlationId":"#) && lines[0].contains(#""reason":"gone","code":0,"detail":"","seconds":6"#)
    )
    #expect(stage.lines.all.contains { $0.contains(#""Reason":"gone""#) && $0.contains(#""Disconnects":[1.0]"#) })
    _ = try stage.disconnect(id: ConnectionID("a="), code: 1006)
    #expect(stage.lines(saying: "disconnected").count == 1)
  }
}
