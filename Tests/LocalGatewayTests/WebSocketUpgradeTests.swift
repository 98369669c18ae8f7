import HTTPWire
import Testing

@testable import LocalGateway

@Suite("What asks for a WebSocket", .timeLimit(.minutes(10)))
struct WebSocketUpgradeTests {
  @Test("a handshake that RFC 6455 section 4.2.1 does not take is refused", arguments: brokenHandshakes)
  func brokenHandshake(_ broken: BrokenHandshake) throws {
    let bench = try GatewayBench()
    let client = try bench.http()
    let head = broken.head.replacing("HOST", with: "Host: 127.0.0.1:\(bench.gateway.port)")
    client.client.send(head.replacing("\n", with: "\r\n") + "\r\n\r\n")
    let answer = try client.answer()
    #expect(answer.status == broken.status)
    if broken.status == 426 {
      #expect(answer.headers["sec-websocket-version"] == "13" && answer.headers["upgrade"] == "websocket")
      #expect(answer.headers.contains("connection", token: "upgrade"))
    }
    #expect(bench.functions.calls.isEmpty && bench.gateway.connections.isEmpty)
  }

  @Test("lists of tokens in any case and several fields ask for a WebSocket too; so does an absolute target")
  func looseHandshake() throws {
    let bench = try GatewayBench()
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for (line, lists) in [
      ("GET /dev", "Connection: keep-alive, uPGRADE\r\nUpgrade: h2c, WebSocket"),
      ("GET /dev", "Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket"),
      ("GET http://LOCALHOST/dev?a=1", "Connection: Upgrade\r\nUpgrade: websocket"),
      ("GET ws://127.0.0.1:\(bench.gateway.port)/dev", "Connection: Upgrade\r\nUpgrade: websocket"),
    ] {
      let client = try bench.http()
      client.client.send("\(line) HTTP/1.1\r\nHost: localhost\r\n\(lists)\r\n\(key)\r\n\r\n")
      #expect(try client.answer().status == 101, "\(line) \(lists)")
    }
    let absolute = try bench.call(2, of: "Connect").event
    #expect(absolute.contains(#""headers":{"Host":"LOCALHOST","#) && absolute.contains(#""domainName":"LOCALHOST""#))
    #expect(absolute.contains(#""queryStringParameters":{"a":"1"}"#))
  }
}

struct BrokenHandshake: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let head: String
  let status: Int

  /// `changes` are lines of a good handshake with what stands in their place.
  init(_ description: String, _ status: Int, _ changes: [String: String]) {
    let good = [
      "GET /dev HTTP/1.1", "HOST", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    testDescription = description
    self.status = status
    head = good.map { changes[$0] ?? $0 }.joined(separator: "\n")
  }
}

private let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
private let version = "Sec-WebSocket-Version: 13"

private let brokenHandshakes = [
  BrokenHandshake("HTTP/1.0", 400, ["GET /dev HTTP/1.1": "GET /dev HTTP/1.0"]),
  BrokenHandshake(
    "HTTP/1.0 that stays", 400,
    ["GET /dev HTTP/1.1": "GET /dev HTTP/1.0", "Connection: Upgrade": "Connection: keep-alive, Upgrade"]),
  BrokenHandshake("another method", 400, ["GET /dev HTTP/1.1": "get /dev HTTP/1.1"]),
  BrokenHandshake("no Host", 400, ["HOST": "X: y"]),
  BrokenHandshake("two Hosts", 400, ["HOST": "HOST\nHOST"]),
  BrokenHandshake("no Connection", 400, ["Connection: Upgrade": "X: y"]),
  BrokenHandshake("another Connection", 400, ["Connection: Upgrade": "Connection: keep-alive, Upgraded"]),
  BrokenHandshake("no Upgrade", 426, ["Upgrade: websocket": "X: y"]),
  BrokenHandshake("another Upgrade", 426, ["Upgrade: websocket": "Upgrade: websockets, web socket, h2c"]),
  BrokenHandshake("no version", 426, [version: "X: y"]),
  BrokenHandshake("an older version", 426, [version: "Sec-WebSocket-Version: 8"]),
  BrokenHandshake("a list of versions", 426, [version: "Sec-WebSocket-Version: 13, 8"]),
  BrokenHandshake("two versions", 400, [version: version + "\nSec-WebSocket-Version: 8"]),
  BrokenHandshake("no key", 400, [key: "X: y"]),
  BrokenHandshake("an empty key", 400, [key: "Sec-WebSocket-Key:"]),
  BrokenHandshake("a key of 15 bytes", 400, [key: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"]),
  BrokenHandshake("a key of 17 bytes", 400, [key: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE="]),
  BrokenHandshake("a key of other letters", 400, [key: "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ_=="]),
  BrokenHandshake("two keys", 400, [key: key + "\n" + key]),
]
