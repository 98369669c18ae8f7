import HTTPWire

/// Takes the body of a request while it comes.
protocol HTTPBodyReceiver: AnyObject {
  /// `endsChunk` tells that a chunk of the sender's is whole.
  func received(_ bytes: [UInt8], endsChunk: Bool)
  /// The body is whole; the request is to be answered.
  func completed(trailers: HTTPHeaders)
  /// The connection ended inside the body.
  func truncated()
}

/// What becomes of a request's body.
enum HTTPBodyPlan {
  /// It is collected, and the request dispatched with it.
  case whole
  case streamed(any HTTPBodyReceiver)
  /// The request was answered; the connection ends.
  case answered
}

/// The way in of a body that is handed on while it comes, as far as its receiver wants it.
extension HTTPConnection {
  /// False where the body is to be collected, which `dispatch` then does.
  func dispatchHead(_ judge: (HTTPRequest, HTTPResponder) -> HTTPBodyPlan) throws(HTTPWireError) -> Bool {
    let request: HTTPRequest
    do throws(HTTPDestinationError) { request = try HTTPRequest(&reader) } catch {
      refuse(status: 400, message: "\(error)")
      return true
    }
    let before = (closesAfterOutput, exchange)
    beginExchange()
    method = request.method
    isBodyComing = true
    switch judge(request, HTTPResponder(connection: self, exchange: exchange)) {
    case .whole:
      isBodyComing = false
      (closesAfterOutput, exchange) = before
      state = .reading
      return false
    case .streamed(let receiver):
      self.receiver = receiver
      sendContinue()
    case .answered: break
    }
    return true
  }

  /// Reads once; the other side may have closed.
  func readBody() {
    guard !isPaused else { return }
    let (result, bytes) = server.buffer.read(from: socket)
    switch result {
    case .bytes: consume(body: bytes)
    case .wouldBlock: break
    case .ended: lose()
    }
  }

  private func consume(body bytes: UnsafeRawBufferPointer) {
    isConsuming = true
    consumeBody(bytes)
    isConsuming = false
    // Its answer may have let a next request in.
    if mayRead, !unread.isEmpty {
      let bytes = unread
      unread = []
      return bytes.withUnsafeBytes { consume($0) }
    }
    watchForWhatIsNext()
  }

  /// Hands on what came, up to where the receiver wants no more for now.
  func consumeBody(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while let receiver, !isPaused, isBodyComing, !rest.isEmpty {
      let piece: HTTPReader.Piece
      do throws(HTTPWireError) { piece = try reader.consumePiece(rest) } catch { return failBody(error) }
      rest = UnsafeRawBufferPointer(rebasing: rest[piece.used...])
      let body = reader.consumeBody()
      if !body.isEmpty || piece.endsChunk { receiver.received(body, endsChunk: piece.endsChunk) }
      if isBodyComing, reader.isComplete { completeBody() }
    }
    if case .closed = state { return }
    if case .draining = state { return }
    unread = Array(rest)
  }

  private func completeBody() {
    guard let receiver else { return }
    let trailers = reader.trailers
    stopTaking()
    reader.reset()
    receiver.completed(trailers: trailers)
  }

  private func failBody(_ error: HTTPWireError) {
    let receiver = receiver
    stopTaking()
    refuse(status: error.status, message: error.description)
    receiver?.truncated()
  }

  private func stopTaking() {
    receiver = nil
    isBodyComing = false
    isPaused = false
  }

  /// The request was answered before its body had come.
  func stopReceiving() {
    stopTaking()
    beginDraining()
  }

  // MARK: What the receiver says

  func pauseBody(_ exchange: UInt64) {
    guard isAnswering(exchange), isBodyComing, !isPaused else { return }
    isPaused = true
    if !isConsuming { watch([]) }
  }

  func resumeBody(_ exchange: UInt64) {
    guard isAnswering(exchange), isBodyComing, isPaused else { return }
    isPaused = false
    guard !isConsuming else { return }
    let bytes = unread
    unread = []
    bytes.withUnsafeBytes { consume(body: $0) }
  }
}
