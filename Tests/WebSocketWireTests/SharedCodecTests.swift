import TestSupport
import Testing
import WebSocketWire

@Suite("Sessions that share a codec")
struct SharedCodecTests {
  @Test("what becomes of a connection is what becomes of it alone, whoever shares the codec and whatever they send")
  func interleavings() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed)
    for round in 0..<400 {
      let scripts = (0..<Int.random(in: 2...6, using: &generator)).map { _ in Script.random(using: &generator) }
      let together = play(scripts, using: &generator)
      for (script, outcome) in zip(scripts, together) where outcome != alone(script) {
        Issue.record("seed \(seed), round \(round): \(script) became \(outcome), alone \(alone(script))")
        return
      }
    }
  }

  @Test("after a refused frame the next connection's frames are read", arguments: Parcel.all.filter(\.isRefused))
  func afterRefusal(_ parcel: Parcel) {
    for cut in [parcel.bytes.count, 4096, 14, 10, 6, 3, 1] {
      let codec = FrameCodec()
      var offender = EchoingPeer(codec: codec)
      offender.receive(Array(parcel.bytes.prefix(cut)))
      if cut == parcel.bytes.count { #expect(offender.outcome.failure != nil) }
      var other = EchoingPeer(codec: codec)
      other.receive(frame(1, bytes("mine")))
      #expect(other.outcome.messages == [.text(bytes("mine"))] && other.outcome.failure == nil, "cut at \(cut)")
    }
  }

  @Test("a connection that ends inside a frame leaves nothing to the next one of its descriptor")
  func endInsideFrame() {
    let codec = FrameCodec()
    let whole = frame(1, [UInt8](repeating: 0x61, count: 9000))
    for cut in [1, 2, 3, 4, 7, 8, 9, 4095, 4096, 4097, 8999] {
      var peer = EchoingPeer(codec: codec)
      peer.receive(Array(whole.prefix(cut)))
      #expect(peer.outcome.messages.isEmpty)
      peer = EchoingPeer(codec: codec)
      peer.receive(frame(1, bytes("mine")))
      #expect(peer.outcome.messages == [.text(bytes("mine"))], "cut at \(cut)")
    }
  }

  /// Each descriptor's connections one after the other, pieces of all descriptors in turns; outcomes of all.
  private func play(_ scripts: [Script], using generator: inout SeededGenerator) -> [[Outcome]] {
    let codec = FrameCodec()
    var outcomes = scripts.map { _ in [Outcome]() }
    var peers = scripts.map { EchoingPeer(closesAfter: $0.lives[0].closesAfter, codec: codec) }
    var rest = scripts.map { $0.lives[0].bytes[...] }
    var open = Array(scripts.indices)
    while let chosen = open.indices.randomElement(using: &generator) {
      let index = open[chosen]
      let count = min(rest[index].count, Self.cut(using: &generator))
      peers[index].receive(Array(rest[index].prefix(count)))
      rest[index].removeFirst(count)
      guard rest[index].isEmpty else { continue }
      outcomes[index].append(peers[index].outcome)
      if outcomes[index].count == scripts[index].lives.count {
        open.remove(at: chosen)
      } else {
        let life = scripts[index].lives[outcomes[index].count]
        peers[index] = EchoingPeer(closesAfter: life.closesAfter, codec: codec)
        rest[index] = life.bytes[...]
      }
    }
    return outcomes
  }

  private func alone(_ script: Script) -> [Outcome] {
    script.lives.map { life in
      var peer = EchoingPeer(closesAfter: life.closesAfter, codec: FrameCodec())
      peer.receive(life.bytes)
      return peer.outcome
    }
  }

  /// A single byte, a head or so, or as much as a socket gives.
  private static func cut(using generator: inout SeededGenerator) -> Int {
    switch Int.random(in: 0...3, using: &generator) {
    case 0: Int.random(in: 1...15, using: &generator)
    case 1: Int.random(in: 4080...4110, using: &generator)
    default: Int.random(in: 1...70_000, using: &generator)
    }
  }
}

/// What came of one connection.
struct Outcome: Equatable, CustomStringConvertible {
  var messages: [WebSocketMessage] = []
  var failure: WebSocketError?
  var output: [UInt8] = []
  var isOver = false

  var description: String {
    "\(messages.count) messages, \(failure?.description ?? "no failure"), \(output.count) bytes written, over: \(isOver)"
  }
}

/// A server's session with API Gateway's limits that sends texts back and, if told, closes after so many messages.
struct EchoingPeer {
  private var session: WebSocketSession
  private let closesAfter: Int?
  private(set) var outcome = Outcome()

  init(closesAfter: Int? = nil, codec: FrameCodec) {
    session = WebSocketSession(role: .server, limits: .apiGateway, codec: codec)
    self.closesAfter = closesAfter
  }

  mutating func receive(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { all in
      var input = all
      do throws(WebSocketError) {
        while let message = try session.next(&input, output: &outcome.output) { consume(message) }
      } catch {
        outcome.failure = error
      }
    }
    outcome.isOver = session.isOver
  }

  private mutating func consume(_ message: WebSocketMessage) {
    outcome.messages.append(message)
    if case .text(let text) = message { session.append(text: text, to: &outcome.output) }
    if outcome.messages.count == closesAfter { session.close(code: 1001, output: &outcome.output) }
  }
}

/// What one descriptor's connections send, one connection after the other; the last frame of each may be cut off.
struct Script: CustomStringConvertible {
  struct Life {
    let names: [String]
    let bytes: [UInt8]
    let closesAfter: Int?
  }

  let lives: [Life]

  var description: String {
    lives.map { "[\($0.names.joined(separator: ", ")); \($0.bytes.count) bytes]" }.joined(separator: " then ")
  }

  static func random(using generator: inout SeededGenerator) -> Script {
    Script(
      lives: (0..<Int.random(in: 1...3, using: &generator)).map { _ in
        let parcels = (0..<Int.random(in: 1...5, using: &generator)).compactMap { _ in
          Parcel.all.randomElement(using: &generator)
        }
        var bytes = parcels.flatMap(\.bytes)
        if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
        let closesAfter = Int.random(in: 0...3, using: &generator) == 0 ? Int.random(in: 1...3, using: &generator) : nil
        return Life(names: parcels.map(\.name), bytes: bytes, closesAfter: closesAfter)
      })
  }
}

/// One frame or a few, good or to be refused.
struct Parcel: Sendable, CustomTestStringConvertible {
  let name: String
  let bytes: [UInt8]
  var isRefused = true
  var testDescription: String { name }

  static let all = taken + refused

  private static func letters(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }

  private static let taken: [Parcel] =
    [0, 1, 125, 126, 4083, 4088, 4096, 32 << 10].map {
      Parcel(name: "text of \($0)", bytes: frame(1, letters($0)), isRefused: false)
    } + [
      Parcel(
        name: "fragments around a ping",
        bytes: frame(1, letters(5000), final: false) + frame(9, [0x6E, 0x6F, 0x77]) + frame(0, letters(100)),
        isRefused: false),
      Parcel(name: "half a message", bytes: frame(1, letters(100), final: false), isRefused: false),
      Parcel(name: "pong", bytes: frame(10, [0x78]), isRefused: false),
      Parcel(name: "close", bytes: frame(8, closing(1000, "bye")), isRefused: false),
    ]

  private static let refused: [Parcel] =
    [1, 4089, 4090, 9000].map { Parcel(name: "binary of \($0)", bytes: frame(2, letters($0))) } + [
      Parcel(name: "text over the limit", bytes: frame(1, letters((32 << 10) + 1))),
      Parcel(name: "text of 70,000", bytes: frame(1, letters(70_000))),
      Parcel(name: "not masked", bytes: frame(1, letters(9000), masked: false)),
      Parcel(name: "not UTF-8 at once", bytes: frame(1, [0xFF] + letters(9000))),
      Parcel(name: "not UTF-8 in the middle", bytes: frame(1, letters(6000) + [0xC0] + letters(6000))),
      Parcel(name: "not UTF-8 at the end", bytes: frame(1, letters(9000) + [0xE2])),
      Parcel(name: "reserved bit", bytes: frame(1, letters(9000), reserved: 2)),
      Parcel(name: "reserved opcode", bytes: frame(3, letters(9000))),
      Parcel(name: "continuation of nothing", bytes: frame(0, letters(9000))),
      Parcel(name: "message in a message", bytes: frame(1, letters(9), final: false) + frame(1, letters(9000))),
      Parcel(
        name: "message over the limit",
        bytes: (0..<5).flatMap { frame($0 == 0 ? 1 : 0, letters(30_000), final: $0 == 4) }),
      Parcel(name: "long ping", bytes: frame(9, letters(9000))),
      Parcel(name: "fragment of a ping", bytes: frame(9, [0x78], final: false) + letters(9000)),
      Parcel(name: "length of 2^63", bytes: [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4] + letters(9000)),
      Parcel(name: "close code 1005", bytes: frame(8, closing(1005)) + frame(1, letters(9000))),
      Parcel(name: "close of one byte, more after it", bytes: frame(8, [3]) + letters(9000)),
    ]
}
