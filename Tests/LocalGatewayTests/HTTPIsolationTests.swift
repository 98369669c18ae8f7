import TestSupport
import Testing

@testable import LocalGateway

@Suite("Clients of one HTTP server", .timeLimit(.minutes(10)))
struct HTTPIsolationTests {
  /// Sends bodies back, with their length before them.
  private final class Echo: HTTPRequestHandler {
    func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
      guard request.path == "/echo" else { return false }
      responder.respond(status: 200, body: bytes("\(request.body.count) ") + request.body.suffix(20))
      return true
    }
  }

  @Test("what a client is answered is what it is answered alone, whatever the others send")
  func interleavings() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed)
    for round in 0..<30 {
      let scripts = (0..<6).map { _ in Script.random(using: &generator) }
      let together = try play(scripts, using: &generator)
      for (script, answers) in zip(scripts, together) {
        let alone = try play([script], using: &generator)[0]
        #expect(answers == alone, "seed \(seed), round \(round): \(script.names)")
      }
    }
  }

  /// The pieces of all clients in turns; what each has received by the end of its connection.
  private func play(_ scripts: [Script], using generator: inout SeededGenerator) throws -> [String] {
    let test = try TestLoop()
    let server = try HTTPServer(port: 0, loop: test.loop)
    let echo = Echo()
    server.add(echo)
    defer { server.close() }
    let clients = try scripts.map { _ in try LoopbackClient(port: server.port, loop: test.loop) }
    var rest = scripts.map { $0.bytes[...] }
    var open = Array(scripts.indices)
    while let chosen = open.indices.randomElement(using: &generator) {
      let index = open[chosen]
      let count = min(rest[index].count, [1, 30, 5000, 70_000].randomElement(using: &generator) ?? 1)
      clients[index].send(Array(rest[index].prefix(count)))
      rest[index].removeFirst(count)
      test.loop.turn(waitingAtMostMilliseconds: 0)
      guard rest[index].isEmpty else { continue }
      try test.wait("for the socket to take all") { clients[index].hasSentAll }
      clients[index].finishWriting()
      open.remove(at: chosen)
    }
    return try clients.map { client in
      try test.wait("for the end") { client.hasEnded }
      client.close()
      return text(client.consume())
    }
  }

  /// What one connection sends; its last request may be cut off.
  private struct Script {
    let names: [String]
    let bytes: [UInt8]

    static func random(using generator: inout SeededGenerator) -> Script {
      let parts = (0..<Int.random(in: 1...4, using: &generator)).compactMap { _ in
        requests.randomElement(using: &generator)
      }
      var bytes = parts.flatMap { Array($0.value) }
      if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
      return Script(names: parts.map(\.key), bytes: bytes)
    }

    private static let post = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
    private static let requests: [(key: String, value: [UInt8])] = [
      ("short", TestSupport.bytes(post + "Content-Length: 5\r\n\r\nhello")),
      ("long", TestSupport.bytes(post + "Content-Length: 90000\r\n\r\n") + [UInt8](repeating: 0x61, count: 90_000)),
      (
        "chunks",
        TestSupport.bytes(post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\n you\r\n0\r\nT: t\r\n\r\n")
      ),
      ("elsewhere", TestSupport.bytes("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n")),
      ("the last one", TestSupport.bytes(post + "Connection: close\r\nContent-Length: 0\r\n\r\n")),
      ("HTTP/1.0", TestSupport.bytes("POST /echo HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")),
      ("two lengths", TestSupport.bytes(post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx")),
      (
        "a length and chunks",
        TestSupport.bytes(post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
      ),
      ("a broken chunk", TestSupport.bytes(post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n")),
      (
        "too large",
        TestSupport.bytes(post + "Content-Length: 99999999\r\n\r\n") + [UInt8](repeating: 0x62, count: 9000)
      ),
      ("a large head", TestSupport.bytes(post + "X: ") + [UInt8](repeating: 0x63, count: 40_000)),
      ("no Host", TestSupport.bytes("GET /echo HTTP/1.1\r\n\r\n")),
      ("no HTTP", TestSupport.bytes("\u{1}\u{2}\u{3}\r\n\r\n")),
    ]
  }
}
