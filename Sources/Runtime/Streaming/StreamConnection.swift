import HTTPWire

/// One connection to the Runtime API that never blocks: what is to go out waits here until the kernel takes it, an
/// answer is put together as it comes.
final class StreamConnection {
  enum Progress {
    case waiting
    /// The answer is complete.
    case answered(RuntimeConnection.Answer)
    /// The connection is of no use any more.
    case lost(ConnectionError)
  }

  private(set) var descriptor: Int32
  private let address: SocketAddress
  private let calls: SocketCalls
  private var output = ByteQueue()
  private var reader = HTTPReader(.responses)

  init(to address: SocketAddress, calls: SocketCalls) throws(ConnectionError) {
    self.address = address
    self.calls = calls
    descriptor = calls.connect(address)
    guard descriptor >= 0 else {
      let error = SocketError(call: "connect to", subject: address.text, number: -descriptor)
      throw ConnectionError(.failed(error), address)
    }
  }

  deinit { close() }

  /// At once, whoever still holds the object.
  func close() {
    if descriptor >= 0 { calls.close(descriptor) }
    descriptor = -1
  }

  /// Bytes that the kernel has not taken.
  var unsentBytes: Int { output.count }
  /// Not one byte of an answer has come.
  var isBeforeAnswer: Bool { reader.isAtStart }
  /// The answer was read, and another request may follow it.
  var canCarryAnother: Bool { reader.isComplete && reader.keepsAlive && output.isEmpty }

  /// Begins a request.
  func begin(_ request: [UInt8]) {
    reader.reset()
    output.append(request)
  }

  /// More of a request whose body comes in chunks. Nothing is sent yet.
  func append(chunk: [UInt8]) { output.append { HTTPWriter.append(chunk: chunk, to: &$0) } }

  /// The end of such a request.
  func append(lastChunkWithTrailers trailers: [(name: String, value: String)]) {
    output.append { HTTPWriter.append(lastChunkWithTrailers: trailers, to: &$0) }
  }

  /// Sends as much as the kernel takes and reads what has come, into `buffer` at first.
  func proceed(sends: Bool, receives: Bool, buffer: inout [UInt8], isRepeated: Bool = false) -> Progress {
    let failure = sends ? send() : nil
    // Whoever refuses a request may answer and close before having read all of it: the answer counts.
    guard receives || failure != nil else { return .waiting }
    let progress = receive(&buffer, isRepeated: isRepeated)
    if case .answered = progress { return progress }
    return failure.map(Progress.lost) ?? progress
  }

  private func send() -> ConnectionError? {
    while !output.isEmpty {
      let count = output.withBytes { calls.send(descriptor, $0) }
      if count == SocketCalls.wouldBlock { return nil }
      guard count >= 0 else { return failed("send to", count) }
      output.remove(count)
    }
    return nil
  }

  private func receive(_ buffer: inout [UInt8], isRepeated: Bool) -> Progress {
    let wasComplete = reader.isComplete
    while true {
      let count = buffer.withUnsafeMutableBytes { calls.receive(descriptor, $0) }
      if count == SocketCalls.wouldBlock { return .waiting }
      guard count >= 0 else { return .lost(failed("receive from", count)) }
      // Nothing is to come behind an answer but the end.
      if wasComplete || count == 0 && reader.isAtStart { return .lost(ConnectionError(.closedWithoutAnswer, address)) }
      do throws(HTTPWireError) {
        if try reader.readAnswer(buffer, count: count) {
          return .answered(reader.consumeAnswer(wasRepeated: isRepeated))
        }
      } catch {
        return .lost(ConnectionError(.malformed(error), address))
      }
    }
  }

  private func failed(_ call: String, _ number: Int) -> ConnectionError {
    ConnectionError(.failed(SocketError(call: call, subject: address.text, number: Int32(-number))), address)
  }
}
