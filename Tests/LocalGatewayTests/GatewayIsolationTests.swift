import TestSupport
import Testing
import WebSocketWire

@testable import LocalGateway

@Suite("Clients of one gateway", .timeLimit(.minutes(10)))
struct GatewayIsolationTests {
  @Test("what becomes of a client is what becomes of it alone, whatever the others send")
  func interleavings() throws {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed)
    for round in 0..<12 {
      let scripts = (0..<5).map { _ in
        (0..<Int.random(in: 1...2, using: &generator)).map { _ in Life.random(using: &generator) }
      }
      let together = try play(scripts, using: &generator)
      for (script, outcomes) in zip(scripts, together) {
        for (life, outcome) in zip(script, outcomes) {
          let alone = try play([[life]], using: &generator)[0][0]
          #expect(outcome == alone, "seed \(seed), round \(round): \(life.names)")
        }
      }
    }
  }

  @Test("a refused frame closes the connection it came on and no other", arguments: Offence.all)
  func neighbours(_ offence: Offence) throws {
    let bench = try GatewayBench()
    bench.functions.answers["Default"] = { _ in .json(#"{"statusCode":200,"body":"heard"}"#) }
    let (offender, _) = try bench.connected()
    let (halfway, _) = try bench.connected()
    let (idle, _) = try bench.connected()
    let words = masked(0x81, [UInt8](repeating: 0x61, count: 6000))
    halfway.http.client.send(Array(words.prefix(5000)))
    bench.test.settle()
    offender.http.client.send(offence.bytes)
    guard case .close(let code, _) = try offender.next() else { return #expect(Bool(false), "no close frame") }
    #expect(code == offence.code)
    let (late, _) = try bench.connected()
    halfway.http.client.send(Array(words.dropFirst(5000)))
    for client in [idle, late] { client.send(text: "hello") }
    for client in [halfway, idle, late] { #expect(try client.text() == "heard") }
    #expect(bench.functions.calls(of: "Disconnect").count == 1)
  }

  @Test(
    "the echo server's clients do not see each other's frames either", arguments: Offence.all.filter(\.isForAnybody))
  func echo(_ offence: Offence) throws {
    let test = try TestLoop()
    let server = try EchoServer(port: 0, loop: test.loop)
    defer { server.close() }
    let offender = try WebSocketTestClient(port: server.port, test: test)
    try offender.open()
    let other = try WebSocketTestClient(port: server.port, test: test)
    try other.open()
    offender.http.client.send(offence.bytes)
    guard case .close(let code, _) = try offender.next() else { return #expect(Bool(false), "no close frame") }
    #expect(code == offence.code)
    other.send(text: "mine")
    #expect(try other.text() == "mine")
  }

  /// What the functions hear of a connection.
  struct Outcome: Equatable {
    var bodies: [String]
    var closeCode: String
  }

  /// Each client's connections one after the other, the pieces of all clients in turns.
  private func play(_ scripts: [[Life]], using generator: inout SeededGenerator) throws -> [[Outcome]] {
    let bench = try GatewayBench()
    var outcomes = scripts.map { _ in [Outcome]() }
    var clients: [(client: WebSocketTestClient, id: String, rest: ArraySlice<UInt8>)] = []
    for script in scripts {
      let (client, id) = try bench.connected()
      clients.append((client, id, script[0].bytes[...]))
    }
    var open = Array(scripts.indices)
    while let chosen = open.indices.randomElement(using: &generator) {
      let index = open[chosen]
      let count = min(clients[index].rest.count, [3, 4100, 60_000].randomElement(using: &generator) ?? 1)
      clients[index].client.http.client.send(Array(clients[index].rest.prefix(count)))
      clients[index].rest.removeFirst(count)
      bench.test.loop.turn(waitingAtMostMilliseconds: 0)
      guard clients[index].rest.isEmpty else { continue }
      outcomes[index].append(try end(clients[index].client, clients[index].id, bench))
      if outcomes[index].count == scripts[index].count {
        open.remove(at: chosen)
      } else {
        let (client, id) = try bench.connected()
        clients[index] = (client, id, scripts[index][outcomes[index].count].bytes[...])
      }
    }
    return outcomes
  }

  /// Ends the client's half once all is sent, and waits for what the functions are told.
  private func end(_ client: WebSocketTestClient, _ id: String, _ bench: GatewayBench) throws -> Outcome {
    let socket = client.http.client
    try bench.test.wait("for the socket to take all") { socket.hasSentAll }
    socket.finishWriting()
    let isOfClient = { (call: FakeFunctions.Call) in call.event.contains(#""connectionId":"\#(id)""#) }
    try bench.test.wait("for the end of \(id)") {
      bench.functions.calls(of: "Disconnect").contains(where: isOfClient)
    }
    let ends = bench.functions.calls(of: "Disconnect").filter(isOfClient).map(\.event)
    #expect(ends.count == 1)
    let code = ends[0].firstMatch(of: #/"disconnectStatusCode":(\d+)/#)?.output.1 ?? ""
    let bodies = bench.functions.calls(of: "Default").filter(isOfClient).map { call in
      String(call.event.firstMatch(of: #/"body":"([^"]*)"/#)?.output.1 ?? "")
    }
    socket.close()
    return Outcome(bodies: bodies, closeCode: String(code))
  }
}

/// What one connection sends; it may end inside a frame.
private struct Life {
  let names: [String]
  let bytes: [UInt8]

  static func random(using generator: inout SeededGenerator) -> Life {
    var (names, bytes): ([String], [UInt8]) = ([], [])
    for number in 0..<Int.random(in: 0...3, using: &generator) {
      let count = [0, 10, 4090, 20_000].randomElement(using: &generator) ?? 0
      names.append("text of \(count)")
      bytes += masked(0x81, Array("\(number)".utf8) + [UInt8](repeating: 0x61, count: count))
    }
    if Bool.random(using: &generator), let offence = Offence.all.randomElement(using: &generator) {
      names.append(offence.testDescription)
      bytes += offence.bytes
    } else {
      names.append("half a text")
      bytes += masked(0x81, [UInt8](repeating: 0x61, count: 9000)).prefix(Int.random(in: 0...9000, using: &generator))
    }
    return Life(names: names, bytes: bytes)
  }
}

/// What is answered with a close frame while there is more of its frame to come.
struct Offence: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let code: UInt16
  /// Not only against API Gateway's limits.
  let isForAnybody: Bool

  private init(_ description: String, _ code: UInt16, _ bytes: [UInt8], isForAnybody: Bool = true) {
    testDescription = description
    self.bytes = bytes
    self.code = code
    self.isForAnybody = isForAnybody
  }

  private static let letters = [UInt8](repeating: 0x61, count: 9000)

  static let all = [
    Offence("binary of 9,000", 1003, masked(0x82, letters), isForAnybody: false),
    Offence("binary of 4,090", 1003, masked(0x82, Array(letters.prefix(4090))), isForAnybody: false),
    Offence(
      "text over 32 KB", 1009, masked(0x81, [UInt8](repeating: 0x61, count: (32 << 10) + 1)), isForAnybody: false),
    Offence("not masked", 1002, [0x81, 126, 0x23, 0x28] + letters),
    Offence("not UTF-8", 1007, masked(0x81, [0xFF] + letters)),
    Offence("a reserved opcode", 1002, masked(0x83, letters)),
    Offence("a reserved bit", 1002, masked(0xC1, letters)),
    Offence("a continuation of nothing", 1002, masked(0x80, letters)),
    Offence("a long ping", 1002, masked(0x89, letters)),
  ]
}
