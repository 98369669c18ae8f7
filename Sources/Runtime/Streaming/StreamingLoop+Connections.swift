import Telemetry

/// What goes over a slot's connection, and what comes.
extension StreamingLoop {
  /// Asks for the slot's next event, on its connection if that can carry another request.
  mutating func askForEvent(_ slot: Slot) throws(RuntimeAPIError) {
    slot.invocation = nil
    slot.phase = .waiting
    try send(messages.next, from: slot)
  }

  /// Sends a request that is whole.
  mutating func send(_ request: [UInt8], from slot: Slot) throws(RuntimeAPIError) {
    slot.request = request
    slot.isRepeated = false
    try connect(slot).begin(request)
    try proceed(slot, sends: true, receives: false)
  }

  /// The slot's connection; a new one where it has none, or one that can carry no other request.
  func connect(_ slot: Slot) throws(RuntimeAPIError) -> StreamConnection {
    if let connection = slot.connection, connection.canCarryAnother { return connection }
    slot.disconnect()
    do {
      let connection = try StreamConnection(to: ground.address, calls: ground.calls)
      slot.connection = connection
      return connection
    } catch {
      throw RuntimeAPIError(slot.call, .connection(error))
    }
  }

  /// What `poll` said of a slot.
  mutating func serve(_ slot: Slot, entry: PollEntry) throws(RuntimeAPIError) {
    try proceed(slot, sends: entry.hasRoom, receives: entry.hasInput)
  }

  mutating func proceed(_ slot: Slot, sends: Bool, receives: Bool) throws(RuntimeAPIError) {
    guard let connection = slot.connection else { return }
    let before = connection.unsentBytes
    let progress = connection.proceed(
      sends: sends, receives: receives, buffer: &received, isRepeated: slot.isRepeated)
    slot.writer.unsentBytes = connection.unsentBytes
    if slot.phase == .ending, connection.unsentBytes < before {
      slot.wait(milliseconds: Slot.lingerMilliseconds, from: now)
    }
    switch progress {
    case .waiting: break
    case .answered(let answer): try take(answer, slot)
    case .lost(let error): return try lose(slot, error)
    }
    if slot.phase == .ending, slot.isAnswered, connection.unsentBytes == 0 { try finish(slot) }
  }

  private mutating func take(_ answer: RuntimeConnection.Answer, _ slot: Slot) throws(RuntimeAPIError) {
    switch slot.phase {
    case .waiting:
      guard answer.status == 200 else { throw RuntimeAPIError(.next, .refused(Refusal(answer))) }
      try open(slot, RuntimeMessages.invocation(answer))
    case .responding, .reporting:
      if let refusal = try RuntimeClient.refusal(answer, of: slot.call) { write(refusal, of: slot) }
      try askForEvent(slot)
    case .answering, .ending:
      slot.isAnswered = true
      guard let refusal = try RuntimeClient.refusal(answer, of: .response) else { return }
      write(refusal, of: slot)
      close(slot, reason: .gone)
      try finish(slot)
    }
  }

  private mutating func lose(_ slot: Slot, _ error: ConnectionError) throws(RuntimeAPIError) {
    switch slot.phase {
    case .waiting, .responding, .reporting: try repeatRequest(of: slot, after: error)
    case .answering:
      close(slot, reason: .gone)
      try finish(slot)
    case .ending: try giveUp(slot)
    }
  }

  /// Leaves an answer that is over to its fate.
  mutating func giveUp(_ slot: Slot) throws(RuntimeAPIError) {
    if slot.writer.unsentBytes > 0 { writeTruncation(of: slot) }
    try finish(slot)
  }

  /// While Lambda has the process frozen a connection may die unnoticed: as `RuntimeConnection` does, a request to which
  /// not one byte of an answer came is sent once more.
  private mutating func repeatRequest(of slot: Slot, after error: ConnectionError) throws(RuntimeAPIError) {
    guard !slot.isRepeated, slot.connection?.isBeforeAnswer == true else {
      throw RuntimeAPIError(slot.call, .connection(error))
    }
    slot.disconnect()
    slot.isRepeated = true
    try connect(slot).begin(slot.request)
    try proceed(slot, sends: true, receives: false)
  }

  /// A streamed response is over: its connection is closed, as the Runtime API demands.
  private mutating func finish(_ slot: Slot) throws(RuntimeAPIError) {
    slot.disconnect()
    try askForEvent(slot)
  }

  private func write(_ refusal: Refusal, of slot: Slot) {
    if let invocation = slot.invocation { ground.log.write(refusal, of: invocation) }
  }

  private func writeTruncation(of slot: Slot) {
    ground.log.warn(
      "the Runtime API did not take the whole of a streamed answer",
      [
        "requestId": .identifier(slot.invocation?.context.requestID ?? ""),
        "missingBytes": .number(Int64(slot.writer.unsentBytes)),
      ])
  }
}

extension StreamSlot {
  /// Which call of the Runtime API the slot is in.
  var call: RuntimeAPIError.Call {
    switch phase {
    case .waiting: .next
    case .answering, .ending, .responding: .response
    case .reporting: .error
    }
  }
}
