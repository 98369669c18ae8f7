/// What the handler does with the answers, and what becomes of it.
extension StreamingLoop {
  mutating func open(_ slot: Slot, _ invocation: Invocation) throws(RuntimeAPIError) {
    // Of several invocations at once, the variable could name only one.
    if ground.concurrency == 1 { ground.setTrace(invocation.context.traceID) }
    slot.begin(Invocation(event: [], context: invocation.context, deliveryID: invocation.deliveryID))
    do {
      slot.answer = try handler.open(invocation.event, context: invocation.context, writer: slot.writer)
    } catch {
      return try fail(slot, Failure(error))
    }
    if let fault = slot.writer.fault { return try fail(slot, Failure(fault)) }
    try flush(slot)
  }

  mutating func resume(_ slot: Slot) throws(RuntimeAPIError) {
    let step: StreamStep
    let before = slot.writer.writtenBytes
    do {
      step = try handler.resume(&slot.answer!, writer: slot.writer)
    } catch {
      return try fail(slot, Failure(error))
    }
    if let fault = slot.writer.fault { return try fail(slot, Failure(fault)) }
    if step == .end { return try end(slot) }
    let hasWritten = slot.writer.writtenBytes > before
    plan(step, of: slot, hasWritten: hasWritten)
    if hasWritten || !slot.hasLeft { try flush(slot) }
  }

  private func plan(_ step: StreamStep, of slot: Slot, hasWritten: Bool) {
    switch step {
    case .wait(let milliseconds): slot.wait(milliseconds: milliseconds, from: now)
    case .waitForRoom where slot.writer.hasRoom && !hasWritten: slot.wait(milliseconds: 1, from: now)
    case .waitForRoom(let milliseconds):
      slot.wait(milliseconds: milliseconds, from: now)
      slot.waitsForRoom = true
    case .end: break
    }
  }

  private mutating func end(_ slot: Slot) throws(RuntimeAPIError) {
    guard slot.writer.hasBegun else { return try fail(slot, Failure(NoResponse())) }
    if let document = slot.writer.consumeDocument() { return try respond(slot, document) }
    // Fronts keep a connection open for minutes if nothing follows the prelude.
    if slot.writer.writtenBytes == 0 { slot.writer.write([UInt8(ascii: "\n")]) }
    close(slot, reason: .ended)
    try complete(slot, trailers: [])
  }

  private mutating func respond(_ slot: Slot, _ document: [UInt8]) throws(RuntimeAPIError) {
    guard document.count <= RuntimeClient.maximumResponseBytes, let invocation = slot.invocation else {
      return try fail(slot, Failure(responseBytes: document.count))
    }
    close(slot, reason: .ended)
    slot.phase = .responding
    messages.writeResponse(document, to: invocation)
    try send(messages.request, from: slot)
  }

  /// Before anything has left, the invocation failed as any other does; afterwards all that can be said is said in the
  /// trailers.
  private mutating func fail(_ slot: Slot, _ failure: Failure) throws(RuntimeAPIError) {
    guard let invocation = slot.invocation else { return }
    ground.log.write(failure, of: invocation)
    close(slot, reason: .failed)
    if slot.hasLeft { return try complete(slot, trailers: RuntimeMessages.trailers(of: failure)) }
    slot.phase = .reporting
    messages.writeError(failure, of: invocation)
    try send(messages.request, from: slot)
  }

  /// Sends the rest of the answer and its end.
  private mutating func complete(
    _ slot: Slot, trailers: [(name: String, value: String)]
  ) throws(RuntimeAPIError) {
    let connection = try moveOutput(of: slot)
    connection?.append(lastChunkWithTrailers: trailers)
    slot.phase = .ending
    slot.wait(milliseconds: Slot.lingerMilliseconds, from: now)
    try proceed(slot, sends: true, receives: false)
  }

  /// Sends what the handler has written.
  private mutating func flush(_ slot: Slot) throws(RuntimeAPIError) {
    guard try moveOutput(of: slot) != nil else { return }
    try proceed(slot, sends: true, receives: false)
  }

  /// Hands what was written to the slot's connection, as one chunk; nil if nothing was.
  private mutating func moveOutput(of slot: Slot) throws(RuntimeAPIError) -> StreamConnection? {
    if let head = slot.writer.consumeHead(), let invocation = slot.invocation {
      messages.writeStreamedResponse(to: invocation)
      let connection = try connect(slot)
      connection.begin(messages.request)
      connection.append(chunk: head.prelude + slot.writer.consumeBody())
      slot.hasLeft = true
      return connection
    }
    let body = slot.writer.consumeBody()
    slot.connection?.append(chunk: body)
    return slot.hasLeft ? slot.connection : nil
  }

  /// The handler's part of an answer is over, if it has one open.
  mutating func close(_ slot: Slot, reason: StreamEndReason) {
    slot.writer.isGone = true
    guard let answer = slot.answer else { return }
    slot.answer = nil
    handler.close(answer, reason: reason)
  }
}

/// A handler ended an answer that it had never begun.
private struct NoResponse: LambdaError, CustomStringConvertible {
  var errorType: String { "Function.NoResponse" }
  var description: String { "the answer ended before it began (status, headers)" }
}
