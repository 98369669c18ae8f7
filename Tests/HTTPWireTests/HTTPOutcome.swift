import HTTPWire

/// What becomes of bytes that a reader is given: the messages it finds, and how it ends. Two readers agree if their
/// outcomes are equal.
struct HTTPOutcome: Equatable {
  struct Message: Equatable {
    let method: String
    let target: String
    let status: Int
    let headers: [String]
    let body: [UInt8]
    let trailers: [String]
    let keepsAlive: Bool

    init(_ reader: HTTPReader) {
      method = reader.method
      target = reader.target
      status = reader.status
      headers = reader.headers.all.map { "\($0.name):\($0.value)" }
      body = reader.body
      trailers = reader.trailers.all.map { "\($0.name):\($0.value)" }
      keepsAlive = reader.keepsAlive
    }
  }

  var messages: [Message] = []
  var error: HTTPWireError?

  static let limits = HTTPReader.Limits(headBytes: 2048, bodyBytes: 4096)

  /// Reads `input` in pieces that end at `cuts` (in order), then lets the connection close.
  init(_ input: [UInt8], _ kind: HTTPReader.Kind, cuts: [Int] = [], limits: HTTPReader.Limits = Self.limits) {
    var reader = HTTPReader(kind, limits: limits)
    do throws(HTTPWireError) {
      var start = 0
      for end in cuts + [input.count] {
        try read(Array(input[start..<end]), with: &reader)
        start = end
      }
      if !reader.isAtStart {
        try reader.finish()
        messages.append(Message(reader))
      }
    } catch {
      self.error = error
    }
  }

  private mutating func read(_ piece: [UInt8], with reader: inout HTTPReader) throws(HTTPWireError) {
    var used = 0
    repeat {
      used += try reader.consume(Array(piece[used...]))
      guard reader.isComplete else { return }
      messages.append(Message(reader))
      reader.reset()
    } while used < piece.count
  }
}

/// What must hold of any bytes: how they are cut into pieces changes nothing. The tests, the kept failures and the
/// fuzzer check the same.
enum HTTPAgreement {
  /// Nil if all holds, else what does not. `cuts` chooses where the input is cut once more.
  static func violation(of input: [UInt8], cuts: [Int]) -> String? {
    for kind in [HTTPReader.Kind.requests, .responses] {
      let whole = HTTPOutcome(input, kind)
      let bytewise = HTTPOutcome(input, kind, cuts: Array(input.indices))
      if bytewise != whole { return "\(kind) byte by byte: \(bytewise) instead of \(whole)" }
      let cut = HTTPOutcome(input, kind, cuts: cuts.sorted())
      if cut != whole { return "\(kind) cut at \(cuts.sorted()): \(cut) instead of \(whole)" }
      if let fault = rewritingFault(whole) { return "\(kind): \(fault)" }
    }
    return nil
  }

  /// A message that was read contains nothing that would become another message when it is written again.
  private static func rewritingFault(_ outcome: HTTPOutcome) -> String? {
    for message in outcome.messages {
      let texts = [message.method, message.target] + message.headers + message.trailers
      guard texts.allSatisfy(HTTPWriter.isSafe(headerValue:)) else { return "control characters in \(texts)" }
      if message.target.utf8.contains(0x20) { return "a space in the target" }
    }
    return nil
  }
}
