import StreamClient
import Synchronization
import TestSupport
import Testing
import WebSocketWire

@testable import tickertape

/// Answers the frames of each connection as a script says, and remembers them.
private final class TalkingServer: Sendable {
  /// What to send when this text came on that connection, counted from 1.
  typealias Script = @Sendable (_ text: String, _ connection: Int) -> [String]

  private let talk = Mutex((sessions: [Int: WebSocketSession](), texts: [String]()))
  private let script: Script

  init(_ script: @escaping Script) { self.script = script }

  var texts: [String] { talk.withLock { $0.texts } }

  /// A frame `"!close"` closes the connection.
  func start() -> ScriptedServer {
    ScriptedServer { [self] request in
      [
        .bytes(WatchTests.upgrade(for: request)),
        .conversation { input in self.answer(input, request.connection) },
      ]
    }
  }

  private func answer(_ input: [UInt8], _ connection: Int) -> [UInt8] {
    talk.withLock { talk in
      var output: [UInt8] = []
      var session = talk.sessions[connection] ?? WebSocketSession(role: .server, codec: FrameCodec())
      input.withUnsafeBytes { raw in
        var rest = raw
        while case .text(let frame)? = try? session.next(&rest, output: &output) {
          talk.texts.append(text(frame))
          for answer in script(text(frame), connection) {
            if answer == "!close" {
              session.close(code: 1001, reason: "Going away", output: &output)
            } else {
              session.append(text: bytes(answer), to: &output)
            }
          }
        }
      }
      talk.sessions[connection] = session
      return output
    }
  }
}

@Suite("Watching a server that keeps a log", .timeLimit(.minutes(10)))
struct WatchSessionTests {
  private static func event(_ sequence: Int, replay: Int? = nil) -> String {
    let tag = replay.map { #","replay":\#($0)"# } ?? ""
    return #"{"type":"a","stream":"all/a","seq":\#(sequence)\#(tag),"data":\#(sequence)}"#
  }

  private static func ready(_ replay: Int, _ cursor: String) -> String {
    #"{"type":"ready","replay":\#(replay),"cursor":"\#(cursor)"}"#
  }

  /// Sends 1 and 2 and closes; to whoever comes with that place it tells a gap, and sends what came meanwhile.
  private static func losing() -> TalkingServer {
    TalkingServer { text, connection in
      guard text.hasPrefix(#"{"type":"hello""#) else { return [] }
      if connection == 1 { return [ready(1, "C0"), event(1), event(2), event(2), "!close"] }
      return [
        #"{"type":"resume","replay":2,"from":"C0","to":"C1","recovered":"part","missed":3,"reason":"trimmed","streams":[{"stream":"all/a","recovered":"part","missed":3,"reason":"trimmed"}]}"#,
        event(8), event(6, replay: 2), event(7, replay: 2), event(8, replay: 2), ready(2, "C2"), event(9),
      ]
    }
  }

  @Test("a broken connection is resumed: each event is printed once and in order, the gap between them")
  func resuming() throws {
    let talker = Self.losing()
    let server = talker.start()
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", WatchTests.url(server), "--subscribe", "a", "--count", "6") == .success)
    let shown = screen.outputLines.map { $0.dropFirst(14) }
    #expect(shown.filter { $0.hasPrefix("a  ") } == ["a  1", "a  2", "a  6", "a  7", "a  8", "a  9"])
    let gap = try #require(shown.firstIndex(of: "gap  3 events missed: trimmed  all/a: 3"))
    #expect(shown[..<gap].contains("a  2") && shown[gap...].contains("a  6"))
    #expect(
      talker.texts == [
        #"{"type":"hello","n":1,"eventTypes":["a"],"accept":["batch","gzip","parts"]}"#,
        #"{"type":"hello","n":2,"cursor":"C0","seen":{"all/a":2},"eventTypes":["a"],"accept":["batch","gzip","parts"]}"#,
      ])
  }

  @Test("--json prints one JSON text a line: events as they came, also out of batches, and gaps")
  func json() throws {
    let server = Self.losing().start()
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", WatchTests.url(server), "--subscribe", "a", "--count", "6", "--json") == .success)
    let events = screen.outputLines.filter { $0.contains(#""seq""#) }
    #expect(
      events == [Self.event(1), Self.event(2)] + [6, 7, 8].map { Self.event($0, replay: 2) } + [Self.event(9)])
    #expect(
      screen.outputLines.contains(
        #"{"type":"gap","missed":3,"reason":"trimmed","streams":[{"stream":"all/a","missed":3,"reason":"trimmed"}]}"#))
    #expect(screen.outputLines.allSatisfy { JSONMembers(Array($0.utf8)) != nil })

    let batch = "{\"type\":\"batch\",\"events\":[{\"type\":\"a\",\n\"data\":1.50},{\"type\":\"a\"}]}"
    let batching = WatchTests.server([batch])
    defer { batching.stop() }
    let other = Screen()
    #expect(other.run("watch", WatchTests.url(batching), "--count", "2", "--json") == .success)
    #expect(other.outputLines == [#"{"type":"a", "data":1.50}"#, #"{"type":"a"}"#])
  }

  @Test("control frames are no events, what is not of this protocol is passed over and said")
  func counting() {
    let types = ["connection", "error", "subscribed", "heartbeat", "status"]
    let server = WatchTests.server(types.map { #"{"type":"\#($0)"}"# } + ["hello", #"{"type":"a","data":1}"#])
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", WatchTests.url(server), "--count", "1") == .success)
    #expect(screen.outputLines.last?.hasSuffix("a  1") == true)
    // A heartbeat says nothing.
    #expect(screen.outputLines.count == types.count)
    #expect(screen.errorText.contains("passed over: unexpected 'h'"))
  }

  @Test("hello carries the subscriptions and the position; subscribe stands in for it where hello is not known")
  func frames() throws {
    let talker = TalkingServer { _, _ in [#"{"type":"a"}"#] }
    let server = talker.start()
    defer { server.stop() }
    let words = ["watch", WatchTests.url(server), "--subscribe", "price:update", "--key", "AAPL,M\"*", "--count", "1"]
    #expect(Tool.run(words, in: Screen().context()) == .success)
    #expect(Tool.run(words + ["--no-hello"], in: Screen().context()) == .success)
    #expect(
      talker.texts == [
        #"{"type":"hello","n":1,"eventTypes":["price:update"],"keys":["AAPL","M\"*"],"accept":["batch","gzip","parts"]}"#,
        #"{"type":"subscribe","eventTypes":["price:update"],"keys":["AAPL","M\"*"]}"#,
      ])
  }

  @Test("what --send says goes out once, when the hello is answered; whatever a route answers is printed and counts")
  func sending() {
    let talker = TalkingServer { text, connection in
      if text.hasPrefix(#"{"type":"hello""#) { return [Self.event(1), Self.ready(connection, "C1")] }
      switch text {
      case "one": return ["plain \u{1B}[31m\ntext"]
      case "two": return [#"{"action":"two"}"#, #"{"message":"Forbidden","connectionId":"c=","requestId":"r"}"#]
      default: return [#"{"type":"error","code":"c","message":"m"}"#, Self.event(2), "!close"]
      }
    }
    let server = talker.start()
    defer { server.stop() }
    let words = ["watch", WatchTests.url(server), "--send", "one", "--send", "two", "--send", "three"]
    let screen = Screen()
    #expect(Tool.run(words + ["--count", "4"], in: screen.context()) == .success)
    #expect(talker.texts.dropFirst() == ["one", "two", "three"])
    #expect(screen.outputText.contains(#"plain \u001b[31m text"#), "\(screen.outputText)")
    #expect(screen.outputLines[3].hasSuffix(#"  {"action":"two"}"#) && screen.outputText.contains("Forbidden"))
    #expect(screen.outputLines.last?.hasSuffix("a  2") == true && !screen.errorText.contains("passed over"))

    let json = Screen()
    #expect(Tool.run(words + ["--count", "4", "--json"], in: json.context()) == .success)
    #expect(json.outputLines[2] == #""plain \u001b[31m\ntext""#, "\(json.outputLines)")
    #expect(json.outputLines[3] == #"{"action":"two"}"#)

    let plain = Screen()
    #expect(plain.run("watch", WatchTests.url(server), "--no-hello", "--send", "two", "--count", "1") == .success)
    #expect(talker.texts.last == "two" && plain.outputText.contains(#"{"action":"two"}"#))
  }

  @Test("a frame is sent once, not again where the connection is opened anew")
  func sendingOnce() {
    let talker = TalkingServer { text, connection in
      guard text.hasPrefix(#"{"type":"hello""#) else { return ["!close"] }
      return [Self.ready(connection, "C\(connection)")] + (connection == 2 ? [Self.event(1)] : [])
    }
    let server = talker.start()
    defer { server.stop() }
    #expect(Screen().run("watch", WatchTests.url(server), "--send", "one", "--count", "1") == .success)
    #expect(talker.texts.filter { $0 == "one" }.count == 1 && server.connectionCount == 2)
  }

  @Test("--cursor keeps the position of what was printed, and the next run goes on there")
  func cursorFile() throws {
    let talker = TalkingServer { text, connection in
      guard text.hasPrefix(#"{"type":"hello""#) else { return [] }
      // The second run has 1 and 2 already.
      return connection == 1
        ? [Self.ready(1, "C1"), #"{"type":"batch","events":[\#(Self.event(1)),\#(Self.event(2)),\#(Self.event(3))]}"#]
        : [Self.event(3), Self.event(2, replay: 1), Self.ready(1, "C2"), Self.event(4)]
    }
    let server = talker.start()
    defer { server.stop() }
    let scratch = try Scratch()
    let file = Path.join(scratch.path, name: "place")
    let words = ["watch", WatchTests.url(server), "--subscribe", "a", "--count", "2", "--json", "--cursor", file]
    let first = Screen()
    #expect(Tool.run(words, in: first.context()) == .success)
    #expect(first.outputLines == [Self.ready(1, "C1"), Self.event(1), Self.event(2)])
    #expect(try CursorFile(path: file).load() == Follower.Position(cursor: "C1", seen: ["all/a": 2]))
    let second = Screen()
    #expect(Tool.run(words, in: second.context()) == .success)
    #expect(talker.texts.last?.contains(#""n":1,"cursor":"C1","seen":{"all/a":2}"#) == true)
    #expect(second.outputLines == [Self.event(3), Self.ready(1, "C2"), Self.event(4)])
    #expect(try CursorFile(path: file).load() == Follower.Position(cursor: "C2", seen: ["all/a": 4]))
  }

  @Test("a file that holds no position, and one that cannot be written, are reported before anything is opened")
  func wrongCursorFile() throws {
    let scratch = try Scratch()
    let file = scratch.write("place", #"{"cursor":7}"#)
    let screen = Screen()
    #expect(screen.run("watch", "ws://127.0.0.1:1/", "--cursor", file) == .inputOutput)
    #expect(screen.errorText.contains("does not hold a watch's position"))
    #expect(screen.run("watch", "ws://127.0.0.1:1/", "--cursor", "\(scratch.path)/none/place") == .cannotCreate)
    #expect(screen.run("watch", "ws://127.0.0.1:1/", "--cursor", scratch.path) == .inputOutput)
  }

  @Test("expired credentials end the watch with the reason; so does a later refusal")
  func stopping() {
    let expired = WatchTests.server([#"{"type":"error","code":"expired","message":"over"}"#])
    defer { expired.stop() }
    let screen = Screen()
    #expect(screen.run("watch", WatchTests.url(expired)) == .unavailable)
    #expect(screen.errorText.contains("the credentials of the connection have expired"))
    #expect(expired.connectionCount == 1)

    let refusing = ScriptedServer { request in
      guard request.connection == 1 else {
        return [.text("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nover")]
      }
      var output = WatchTests.upgrade(for: request)
      var session = WebSocketSession(role: .server, codec: FrameCodec())
      session.close(code: 1001, reason: "", output: &output)
      return [.bytes(output), .silence]
    }
    defer { refusing.stop() }
    let other = Screen()
    #expect(other.run("watch", WatchTests.url(refusing)) == .unavailable)
    #expect(other.errorText.contains("refused the connection: 403 Forbidden: over"))
    #expect(refusing.connectionCount == 2)
  }
}
