import TestSupport
import Testing
import WebSocketWire

@Suite("A WebSocket session")
struct WebSocketSessionTests {
  @Test("messages of every length arrive as they were sent, whatever the pieces", arguments: [1, 2, 7, 4096, 100_000])
  func roundTrip(pieceBytes: Int) {
    let codec = FrameCodec()
    var client = Peer(.client, codec: codec)
    var server = Peer(.server, codec: codec)
    let sizes = [0, 1, 125, 126, 127, 4096, 65535, 65536, 70000]
    for size in sizes {
      let payload = (0..<size).map { UInt8($0 % 251) }
      client.session.append(binary: payload, to: &client.output)
      client.session.append(text: [UInt8](repeating: 0x41, count: size), to: &client.output)
    }
    let sent = client.takeOutput()
    var offset = 0
    while offset < sent.count {
      server.receive(Array(sent[offset..<min(sent.count, offset + pieceBytes)]))
      offset += pieceBytes
    }
    let expected = sizes.flatMap { size -> [WebSocketMessage] in
      [.binary((0..<size).map { UInt8($0 % 251) }), .text([UInt8](repeating: 0x41, count: size))]
    }
    #expect(server.failure == nil)
    #expect(server.messages == expected)
  }

  @Test("frames cut at random places give the same messages")
  func randomCuts() {
    let seed = UInt64.random(in: .min ... .max)
    var generator = SeededGenerator(seed)
    var stream: [UInt8] = []
    var expected: [WebSocketMessage] = []
    for _ in 0..<300 {
      let payload = [UInt8](repeating: 0x62, count: Int.random(in: 0...400, using: &generator))
      switch Int.random(in: 0...3, using: &generator) {
      case 0:
        stream += frame(9, Array(payload.prefix(125)))
        expected.append(.ping(Array(payload.prefix(125))))
      case 1:
        let cut = payload.count / 2
        stream += frame(1, Array(payload[..<cut]), final: false) + frame(10, []) + frame(0, Array(payload[cut...]))
        expected += [.pong([]), .text(payload)]
      default:
        stream += frame(2, payload)
        expected.append(.binary(payload))
      }
    }
    var server = Peer(.server)
    while !stream.isEmpty {
      let count = Int.random(in: 1...min(stream.count, 300), using: &generator)
      server.receive(Array(stream.prefix(count)))
      stream.removeFirst(count)
    }
    #expect(server.messages == expected, "seed \(seed)")
    #expect(server.failure == nil, "seed \(seed)")
  }

  @Test("sessions that take turns do not see each other's bytes")
  func sharedCodec() {
    let codec = FrameCodec()
    var one = Peer(.server, codec: codec)
    var two = Peer(.server, codec: codec)
    let first = frame(1, bytes("first"))
    let second = frame(1, bytes("second"))
    for cut in 1..<first.count {
      one.receive(Array(first[..<cut]))
      two.receive(Array(second[..<cut]))
      one.receive(Array(first[cut...]))
      two.receive(Array(second[cut...]))
    }
    #expect(one.messages == Array(repeating: .text(bytes("first")), count: first.count - 1))
    #expect(two.messages == Array(repeating: .text(bytes("second")), count: first.count - 1))
  }

  @Test("a ping is answered with its payload, also between the fragments of a message")
  func ping() {
    var server = Peer(.server)
    server.receive(frame(1, bytes("Hel"), final: false) + frame(9, bytes("now")) + frame(0, bytes("lo")))
    #expect(server.messages == [.ping(bytes("now")), .text(bytes("Hello"))])
    #expect(server.output == frame(10, bytes("now"), masked: false))
  }

  @Test("what a client sends is masked, with another mask each time")
  func masking() {
    var client = Peer(.client)
    client.session.append(text: bytes("Hello"), to: &client.output)
    let first = client.takeOutput()
    client.session.append(text: bytes("Hello"), to: &client.output)
    #expect(first.count == 11)
    #expect(first[1] & 0x80 != 0)
    #expect(first != client.output)
  }

  @Test("a violation of the protocol fails the connection with 1002", arguments: violations)
  func violation(_ bad: Violation) {
    var server = Peer(.server)
    server.receive(bad.bytes + frame(1, bytes("after")))
    #expect(server.failure?.closeCode == 1002)
    #expect(server.messages.isEmpty)
    #expect(Array(server.output.dropFirst(2).prefix(2)) == [0x03, 0xEA])
    #expect(server.session.isOver)
  }

  @Test("a client refuses masked frames with 1002")
  func clientRefusesMask() {
    var client = Peer(.client)
    client.receive(frame(1, bytes("x")))
    #expect(client.failure?.closeCode == 1002)
  }

  @Test("text that is not UTF-8 fails with 1007 as soon as that is certain", arguments: invalidTexts)
  func invalidText(_ text: [UInt8]) {
    var server = Peer(.server)
    server.receive(frame(1, text, final: false))
    #expect(server.failure?.closeCode == 1007)
  }

  @Test("text that ends inside a character fails with 1007, but may be cut there between frames")
  func cutText() {
    var whole = Peer(.server)
    whole.receive(frame(1, [0xE2, 0x82], final: false) + frame(0, [0xAC]))
    #expect(whole.messages == [.text(bytes("€"))])
    var cut = Peer(.server)
    cut.receive(frame(1, [0xE2, 0x82]))
    #expect(cut.failure?.closeCode == 1007)
  }

  @Test("a frame or message over its limit fails with 1009, one at its limit passes")
  func tooBig() {
    let limits = WebSocketSession.Limits(messageBytes: 100, frameBytes: 60)
    var server = Peer(.server, limits: limits)
    let sixty = [UInt8](repeating: 0x61, count: 60)
    server.receive(frame(1, sixty, final: false) + frame(0, Array(sixty[..<40])))
    #expect(server.messages == [.text([UInt8](repeating: 0x61, count: 100))])
    server.receive(frame(1, sixty + [0x61]))
    #expect(server.failure?.closeCode == 1009)
    var other = Peer(.server, limits: limits)
    other.receive(frame(1, sixty, final: false) + frame(0, Array(sixty[..<41])))
    #expect(other.failure?.closeCode == 1009)
  }

  @Test("a length that no memory could hold is refused, not waited for")
  func hugeLength() {
    var server = Peer(.server)
    server.receive([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4, 5])
    #expect(server.failure?.closeCode == 1009)
  }

  @Test("binary is refused with 1003 where only text is taken")
  func binaryRefused() {
    var server = Peer(.server, limits: .apiGateway)
    server.receive(frame(2, bytes("x")))
    #expect(server.failure?.closeCode == 1003)
  }

  @Test("a close is answered with its code, once, and nothing is read after it")
  func closeEcho() {
    var server = Peer(.server)
    server.receive(frame(8, closing(3001, "bye")) + frame(1, bytes("late")))
    #expect(server.messages == [.close(code: 3001, reason: "bye")])
    #expect(server.output == frame(8, closing(3001), masked: false))
    #expect(server.session.isOver)
    server.session.append(text: bytes("late"), to: &server.output)
    #expect(server.output.count == 4)
  }

  @Test("a close without a code is answered without one")
  func emptyClose() {
    var server = Peer(.server)
    server.receive(frame(8, []))
    #expect(server.messages == [.close(code: nil, reason: "")])
    #expect(server.output == [0x88, 0])
  }

  @Test("after its own close a session reads over messages until the answer comes")
  func ownClose() {
    var server = Peer(.server)
    server.session.close(code: 1001, reason: "Going away", output: &server.output)
    server.session.close(code: 1000, output: &server.output)
    #expect(server.takeOutput() == frame(8, closing(1001, "Going away"), masked: false))
    server.receive(frame(1, bytes("crossing")))
    #expect(server.messages.isEmpty && !server.session.isOver)
    server.receive(frame(8, closing(1001)))
    #expect(server.messages == [.close(code: 1001, reason: "")])
    #expect(server.session.isOver && server.output.isEmpty)
  }

  @Test(
    "codes that may not be on the wire are refused with 1002",
    arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
  func badCloseCode(_ code: UInt16) {
    var server = Peer(.server)
    server.receive(frame(8, closing(code)))
    #expect(server.failure?.closeCode == 1002)
  }

  @Test("codes that may be on the wire are taken", arguments: [1000, 1001, 1003, 1007, 1011, 1013, 3000, 4999])
  func goodCloseCode(_ code: UInt16) {
    var server = Peer(.server)
    server.receive(frame(8, closing(code)))
    #expect(server.messages == [.close(code: code, reason: "")])
  }

  @Test("a close reason that is not UTF-8 fails with 1007, a long one of our own is cut between characters")
  func closeReason() {
    var server = Peer(.server)
    server.receive(frame(8, closing(1000) + [0xFF]))
    #expect(server.failure?.closeCode == 1007)
    var client = Peer(.client)
    var other = Peer(.server)
    other.session.close(code: 1000, reason: String(repeating: "é", count: 100), output: &other.output)
    client.receive(other.output)
    #expect(client.messages == [.close(code: 1000, reason: String(repeating: "é", count: 61))])
  }
}

struct Violation: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let bytes: [UInt8]
}

private let violations: [Violation] = [
  Violation(testDescription: "reserved bit", bytes: frame(1, bytes("x"), reserved: 4)),
  Violation(testDescription: "reserved opcode 3", bytes: frame(3, [])),
  Violation(testDescription: "reserved opcode 11", bytes: frame(11, bytes("x"))),
  Violation(testDescription: "not masked", bytes: frame(1, bytes("x"), masked: false)),
  Violation(testDescription: "continuation of nothing", bytes: frame(0, bytes("x"))),
  Violation(testDescription: "ping of 126 bytes", bytes: frame(9, [UInt8](repeating: 0, count: 126))),
  Violation(testDescription: "fragmented ping", bytes: frame(9, bytes("x"), final: false)),
  Violation(testDescription: "close of one byte", bytes: frame(8, [3])),
  Violation(testDescription: "length not in the fewest bytes", bytes: [0x81, 0xFE, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5]),
  Violation(testDescription: "message inside a message", bytes: frame(1, [], final: false) + frame(1, [])),
]

private let invalidTexts: [[UInt8]] = [
  [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x80], [0xF4, 0x90], [0xF5], [0xFF],
  [0xE2, 0x28], bytes("eight or more letters and then ") + [0xFE],
]
