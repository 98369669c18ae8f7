import HTTPWire

/// One kept-alive HTTP connection to the Runtime API: a request goes out, its answer comes back.
///
/// While Lambda has the process frozen the connection may die unnoticed. So a request to which not one byte of an
/// answer came is sent once more on a new connection. That is harmless for every request there is: `next` hands out the
/// same event again, and a second answer to the same invocation is refused.
struct RuntimeConnection: ~Copyable {
  let address: SocketAddress
  private var socket: Socket?
  private var reader = HTTPReader(.responses)
  /// What one `recv` may bring: an ordinary event comes whole, and a cold start touches few pages.
  private var received = [UInt8](repeating: 0, count: 16 << 10)

  init(to address: SocketAddress) {
    self.address = address
  }

  struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
    /// The request was sent twice, and may have arrived twice.
    let wasRepeated: Bool
  }

  mutating func exchange(_ request: [UInt8]) throws(ConnectionError) -> Answer {
    if try attempt(request) { return answer(wasRepeated: false) }
    if try attempt(request) { return answer(wasRepeated: true) }
    throw ConnectionError(.closedWithoutAnswer, address)
  }

  /// False, with the connection dropped, if it ended before the first byte of an answer.
  private mutating func attempt(_ request: [UInt8]) throws(ConnectionError) -> Bool {
    reader.reset()
    let socket = try connected()
    self.socket = nil
    // A server that refuses a request may answer and close before it has read all of it: the answer counts. The
    // connection does not: the rest of this request would stand before the next one.
    let isSentWhole = (try? socket.send(request)) != nil
    guard try receiveAnswer(from: socket) else { return false }
    if reader.keepsAlive, isSentWhole { self.socket = socket }
    return true
  }

  private func connected() throws(ConnectionError) -> Socket {
    if let socket { return socket }
    do {
      return try Socket(connectedTo: address)
    } catch {
      throw ConnectionError(.failed(error), address)
    }
  }

  private mutating func receiveAnswer(from socket: Socket) throws(ConnectionError) -> Bool {
    while true {
      let count: Int
      do {
        count = try socket.receive(into: &received)
      } catch {
        if reader.isAtStart { return false }
        throw ConnectionError(.failed(error), address)
      }
      if count == 0, reader.isAtStart { return false }
      do {
        if try reader.readAnswer(received, count: count) { return true }
      } catch {
        throw ConnectionError(.malformed(error), address)
      }
    }
  }

  private mutating func answer(wasRepeated: Bool) -> Answer { reader.consumeAnswer(wasRepeated: wasRepeated) }
}

extension HTTPReader {
  /// Reads the first `count` bytes of what was received, none meaning the end of the connection; true when the answer
  /// is complete.
  mutating func readAnswer(_ received: [UInt8], count: Int) throws(HTTPWireError) -> Bool {
    if count == 0 { try finish() }
    var used = 0
    while used < count, !isComplete {
      used += try received.withUnsafeBufferPointer { bytes throws(HTTPWireError) in
        try consume(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[used..<count])))
      }
      // 100 Continue and its like come before the answer.
      if isComplete, status < 200 { reset() }
    }
    guard used == count else { throw HTTPWireError(.malformedStartLine) }
    return isComplete
  }

  /// The answer that is complete.
  mutating func consumeAnswer(wasRepeated: Bool) -> RuntimeConnection.Answer {
    RuntimeConnection.Answer(status: status, headers: headers, body: consumeBody(), wasRepeated: wasRepeated)
  }
}

/// The connection to the Runtime API failed in a way that no second attempt mends.
struct ConnectionError: Error, Equatable, CustomStringConvertible {
  enum Code: Equatable {
    case failed(SocketError)
    case malformed(HTTPWireError)
    case closedWithoutAnswer
  }

  let code: Code
  let address: String

  init(_ code: Code, _ address: SocketAddress) {
    self.code = code
    self.address = address.text
  }

  var description: String {
    switch code {
    case .failed(let error): "cannot \(error)"
    case .malformed(let error): "the Runtime API at \(address) sent no HTTP/1.1 answer: \(error)"
    case .closedWithoutAnswer: "the Runtime API at \(address) closed the connection without an answer, twice"
    }
  }
}
