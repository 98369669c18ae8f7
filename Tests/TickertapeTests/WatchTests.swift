import HTTPClient
import StreamClient
import Synchronization
import TestSupport
import Testing
import WebSocketWire

@testable import tickertape

@Suite("What a person reads of a frame")
struct FrameTextTests {
  func line(_ frame: String) -> String {
    FrameText(bytes(frame)).line(now: 1_767_349_801_007, terminal: Screen().terminal()).text
  }

  @Test("an event is its time, type, key and data, as they came")
  func event() {
    #expect(
      line(
        #"{"type":"price:update","key":"AAPL","id":"1","timestamp":"2026-01-02T10:30:01.000Z","data":{"price":152.50}}"#
      )
        == #"10:30:01.000  price:update  AAPL  {"price":152.50}"#)
    #expect(line(#"{"type":"signal","data":2}"#) == "10:30:01.007  signal  2")
  }

  @Test("events without data show their other members, and so do control frames")
  func others() {
    #expect(line(#"{"type":"tick","n":1.0,"x":"y"}"#) == #"10:30:01.007  tick  {"n":1.0,"x":"y"}"#)
    #expect(line(#"{"type":"ready","replay":1}"#) == #"10:30:01.007  ready  {"replay":1}"#)
  }

  @Test("errors are reported by code and message, API Gateway's own too")
  func errors() {
    #expect(line(#"{"type":"error","code":"bad","message":"no","requestId":"r"}"#) == "10:30:01.007  error  bad: no")
    #expect(
      line(#"{"message":"Internal server error","connectionId":"a=","requestId":"r"}"#)
        == "10:30:01.007  error  Internal server error")
  }

  @Test("nothing in a frame can drive the screen or break its line")
  func harmless() {
    let shown = line(
      "{\"type\":\"a\\u001b[2J\",\"key\":\"k\\u0007\",\"timestamp\":\"2026-01-02T\\u001b0:30:01.000Z\",\n\"data\":{\n}}"
    )
    #expect(!shown.utf8.contains(0x1B) && !shown.utf8.contains(0x07) && !shown.utf8.contains(0x0A))
  }
}

@Suite("Watching", .timeLimit(.minutes(10)))
struct WatchTests {
  /// Accepts each connection and sends these frames and, if there is a code, a close.
  static func server(_ frames: [String], closing code: UInt16? = nil, reason: String = "") -> ScriptedServer {
    ScriptedServer { request in
      guard request.method == "GET" else { return [.silence] }
      var output = upgrade(for: request)
      var session = WebSocketSession(role: .server, codec: FrameCodec())
      for frame in frames { session.append(text: bytes(frame), to: &output) }
      if let code { session.close(code: code, reason: reason, output: &output) }
      return [.bytes(output), .silence]
    }
  }

  static func upgrade(for request: ScriptedServer.Request) -> [UInt8] {
    let line = request.head.split(separator: "\n").first { $0.lowercased().hasPrefix("sec-websocket-key:") } ?? ""
    let key = String(line.split(separator: ":", maxSplits: 1).last ?? "").filter { $0 != " " }
    return bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: \(WebSocketHandshake.accept(forKey: key))\r\n\r\n")
  }

  static func url(_ server: ScriptedServer) -> String { "ws://127.0.0.1:\(server.port)/dev?userId=u-1" }

  @Test("frames are printed until the count of events is reached; the request carries path, query and headers")
  func counting() throws {
    let server = Self.server([#"{"type":"connection"}"#, #"{"type":"a","data":1}"#, #"{"type":"a","data":2}"#])
    defer { server.stop() }
    let screen = Screen()
    #expect(
      screen.run("watch", Self.url(server), "--count", "1", "--json", "--header", "Authorization: Bearer x") == .success
    )
    #expect(screen.outputLines == [#"{"type":"connection"}"#, #"{"type":"a","data":1}"#])
    let request = try #require(server.requests.first)
    #expect(request.target == "/dev?userId=u-1&hello=1")
    #expect(request.head.contains("Authorization: Bearer x") && request.head.contains("Host: 127.0.0.1:\(server.port)"))
  }

  @Test("a refusal is reported with its status and body, and without the query")
  func refusal() {
    let server = ScriptedServer { _ in [.text("HTTP/1.1 401 Unauthorized\r\nContent-Length: 8\r\n\r\nno entry")] }
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", "\(Self.url(server))&token=secret") == .unavailable)
    #expect(screen.errorText.contains("/dev refused the connection: 401 Unauthorized: no entry"))
    #expect(!screen.errorText.contains("secret"))
    #expect(server.connectionCount == 1)
  }

  @Test("a connection that breaks is opened again, and the watch goes on")
  func reconnecting() throws {
    let server = ScriptedServer { request in
      guard request.method == "GET" else { return [.silence] }
      var output = Self.upgrade(for: request)
      var session = WebSocketSession(role: .server, codec: FrameCodec())
      session.append(
        text: bytes(#"{"type":"a","data":\#(request.connection),"cursor":"c\#(request.connection)"}"#), to: &output)
      if request.connection == 1 { session.close(code: 1001, reason: "Going away", output: &output) }
      return [.bytes(output), .silence]
    }
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", Self.url(server), "--count", "2") == .success)
    #expect(screen.outputText.contains("a  1") && screen.outputText.contains("a  2"))
    #expect(screen.errorText.contains("the connection was closed: 1001 Going away; connecting again in"))
    #expect(server.connectionCount == 2)
  }

  @Test("a hello that is not answered by ready is said again with the next number")
  func hellos() throws {
    let talk = Mutex((session: WebSocketSession(role: .server, codec: FrameCodec()), texts: [String]()))
    let server = ScriptedServer { request in
      [
        .bytes(Self.upgrade(for: request)),
        .conversation { input in
          talk.withLock { talk in
            var output: [UInt8] = []
            input.withUnsafeBytes { raw in
              var rest = raw
              while case .text(let frame)? = try? talk.session.next(&rest, output: &output) {
                talk.texts.append(text(frame))
                // The first one is lost, the second answered as if it were the first, the third as it should be.
                guard talk.texts.count > 1 else { continue }
                talk.session.append(
                  text: bytes(#"{"type":"ready","replay":\#(talk.texts.count / 3 * 2 + 1)}"#), to: &output)
                if talk.texts.count > 2 { talk.session.append(text: bytes(#"{"type":"a"}"#), to: &output) }
              }
            }
            return output
          }
        },
      ]
    }
    defer { server.stop() }
    var options = Watch.Options()
    options.following.readyMilliseconds = 50
    options.count = 1
    var watch = try Watch(Self.url(server), options: options, context: Screen().context())
    #expect(try watch.run() == .success)
    let texts = talk.withLock { $0.texts }
    #expect(texts.count >= 3)
    for (position, text) in texts.enumerated() { #expect(text.hasPrefix(#"{"type":"hello","n":\#(position + 1),"#)) }
  }

  @Test("with --no-reconnect the end of the connection is the end")
  func noReconnect() {
    let server = Self.server([], closing: 1001, reason: "Going away")
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", Self.url(server), "--no-reconnect") == .unavailable)
    #expect(screen.errorText.contains("the connection was closed: 1001 Going away"))
    #expect(server.connectionCount == 1)
  }

  @Test("--for ends it with 0, and with 1 if events are missing")
  func time() {
    let server = Self.server([#"{"type":"a","data":1}"#])
    defer { server.stop() }
    #expect(Screen().run("watch", Self.url(server), "--for", "0.1") == .success)
    let screen = Screen()
    #expect(screen.run("watch", Self.url(server), "--for", "0.1", "--count", "2") == .failure)
    #expect(screen.errorText.contains("of 2 events came"))
  }

  @Test("an answer that is no WebSocket, and none at all, are reported")
  func notWebSocket() {
    let server = ScriptedServer { _ in [.text("HTTP/1.1 101 Switching Protocols\r\n\r\n"), .close] }
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", Self.url(server)) == .unavailable)
    #expect(screen.errorText.contains("does not bear the key"))
  }

  @Test(
    "an answer that bears the key and changes to something else is reported",
    arguments: [
      ("Upgrade: websocket", "Upgrade: h2c", "changes to another protocol"),
      ("Connection: Upgrade", "Connection: keep-alive", "changes to another protocol"),
      ("Connection: Upgrade", "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate", "an extension"),
    ])
  func notAsOffered(line: String, other: String, complaint: String) {
    let server = ScriptedServer { request in
      [.text(text(Self.upgrade(for: request)).replacing(line, with: other)), .close]
    }
    defer { server.stop() }
    let screen = Screen()
    #expect(screen.run("watch", Self.url(server), "--for", "3") == .unavailable)
    #expect(screen.errorText.contains(complaint))
  }

  @Test(
    "what makes no sense is refused before anything is opened",
    arguments: [
      ["watch", "ftp://x"], ["watch", "nonsense"], ["watch", "--key", "AAPL"], ["watch", "--header", "no colon"],
      ["watch", "--count", "0"], ["watch", "--for", "-1"], ["watch", "--no-hello", "--cursor", "place"],
    ])
  func refusals(words: [String]) {
    let screen = Screen()
    #expect(Tool.run(words, in: screen.context()) == .usage)
    #expect(!screen.errorText.isEmpty)
  }
}
