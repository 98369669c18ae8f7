import WebSocketWire

/// What must hold of any bytes that a client sends after its handshake. The tests, the kept failures and the fuzzer
/// check the same.
enum FrameAgreement {
  /// Nil if all holds, else what does not.
  static func violation(of input: [UInt8], cuts: [Int]) -> String? {
    let codec = FrameCodec()
    let whole = FrameOutcome(pieces(of: input, cuts: []), codec)
    if let wrong = whole.violation { return wrong }
    // The next connection, in the middle of the next but one.
    let words: [UInt8] = [0x81, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63]
    var between = FrameOutcome([Array(words.prefix(4))], codec)
    guard FrameOutcome(pieces(of: input, cuts: cuts), codec) == whole else { return "cut at \(cuts) it is another" }
    between.receive(Array(words.dropFirst(4)))
    guard between.messages == [.text([0x61, 0x62, 0x63])], between.failure == nil else { return "it harmed another" }
    guard FrameOutcome([words], codec).messages == between.messages else { return "it harmed the next" }
    return sentAgain(whole.messages)
  }

  private static func pieces(of input: [UInt8], cuts: [Int]) -> [[UInt8]] {
    let bounds = [0] + cuts.sorted() + [input.count]
    return zip(bounds, bounds.dropFirst()).map { Array(input[$0..<$1]) }
  }

  /// A client that sends what was read sends the same.
  private static func sentAgain(_ messages: [WebSocketMessage]) -> String? {
    let client = WebSocketSession(role: .client, codec: FrameCodec())
    var bytes: [UInt8] = []
    let expected = messages.filter { message in
      switch message {
      case .text(let text): client.append(text: text, to: &bytes)
      case .ping(let payload): client.append(ping: payload, to: &bytes)
      default: return false
      }
      return true
    }
    return FrameOutcome([bytes], FrameCodec()).messages == expected ? nil : "sent again it is another"
  }
}

/// What a server with API Gateway's limits makes of a connection's bytes.
struct FrameOutcome: Equatable {
  private(set) var messages: [WebSocketMessage] = []
  private(set) var failure: WebSocketError?
  private(set) var output: [UInt8] = []
  private(set) var isOver = false
  private var session: WebSocketSession

  init(_ pieces: [[UInt8]], _ codec: FrameCodec) {
    session = WebSocketSession(role: .server, limits: .apiGateway, codec: codec)
    for piece in pieces { receive(piece) }
  }

  mutating func receive(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { all in
      var input = all
      do throws(WebSocketError) {
        while let message = try session.next(&input, output: &output) { messages.append(message) }
      } catch {
        failure = error
      }
    }
    isOver = session.isOver
  }

  static func == (left: FrameOutcome, right: FrameOutcome) -> Bool {
    left.messages == right.messages && left.failure == right.failure && left.output == right.output
      && left.isOver == right.isOver
  }

  /// What no bytes may lead to.
  var violation: String? {
    for message in messages {
      switch message {
      case .text(let text):
        if text.count > 128 << 10 { return "a message of \(text.count) bytes" }
        if String(validating: text, as: UTF8.self) == nil { return "a text that is not UTF-8" }
      case .binary: return "a binary message"
      case .ping(let payload), .pong(let payload): if payload.count > 125 { return "a long control frame" }
      case .close: if message != messages.last { return "a message after the close" }
      }
    }
    if let failure, ![1002, 1003, 1007, 1009].contains(failure.closeCode) { return "closed with \(failure.closeCode)" }
    return failure != nil && !isOver ? "a failure that is not the end" : nil
  }
}
