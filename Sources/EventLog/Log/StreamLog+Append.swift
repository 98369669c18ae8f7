package import ConnectionStore
package import Connections
package import Messaging
import Telemetry

extension StreamLog {
  /// Appends events of one stream, in order; answers what became of each, in the order given.
  ///
  /// When it throws, whether they were appended is not known: the publisher may send the same idempotency keys again.
  /// More events than one segment holds, or more idempotency keys than one transaction, make several appends, each
  /// whole or not at all.
  ///
  /// `writer`: who has worked out the positions among them; those of another than `POSITIONS` names are refused.
  package mutating func append(
    _ events: [Event], to stream: String, by writer: PositionsWriter = .application
  ) throws(TableError) -> [AppendOutcome] {
    evictedStates = [:]
    let states = states
    var batch = AppendBatch(
      events, refusal: { states?.refusal(of: $0, by: writer) }, isStateful: { states?.rule(of: $0) != nil })
    while case let part = batch.nextPart(), !part.isEmpty { try append(part, to: stream, batch: &batch) }
    return batch.finished()
  }

  /// A try at an append. Its word tells its segment from every other.
  private struct Attempt {
    let writer: String
    let epoch: String
    let first: Int64
    let entries: [AppendBatch.Entry]
    /// The events as they stand in the log: what one says of a state is added.
    var events: [Event]
    var states: StateChanges?
  }

  private mutating func append(
    _ part: [AppendBatch.Entry], to stream: String, batch: inout AppendBatch
  ) throws(TableError) {
    var entries = part
    /// Attempts that may have worked, or may still.
    var incomplete: [Attempt] = []
    for _ in 0..<Self.attempts {
      let head = try head(stream: stream)
      if let done = try completed(incomplete, stream: stream) { return record(done, batch: &batch) }
      let writer = randomness.hexadecimal()
      let epoch = head?.epoch ?? "\(clock.milliseconds())-\(randomness.hexadecimal())"
      let attempt = try attempt(
        entries, as: writer, first: head?.next ?? 1, epoch: epoch, stream: stream, batch: &batch)
      if attempt.entries.isEmpty { return }
      do {
        try write(attempt, head: head, stream: stream)
        return record(attempt, batch: &batch)
      } catch {
        switch error.code {
        case .transactionFailed(let indices):
          // A backend that lost the answer and tried again is refused by its own write.
          if let done = try completed(incomplete + [attempt], stream: stream) { return record(done, batch: &batch) }
          entries = try withoutKnown(attempt, indices: indices, stream: stream, batch: &batch)
          if entries.isEmpty { return }
        case .unavailable where incomplete.count < 2: incomplete.append(attempt)
        default: throw error
        }
      }
    }
    throw TableError(
      code: .contention, operation: "transact", key: LogHeadRow.key(stream: stream), detail: "\(Self.attempts) attempts"
    )
  }

  /// The events with what they make of the states, as these are now. An event that no state takes is refused.
  private func attempt(
    _ entries: [AppendBatch.Entry], as writer: String, first: Int64, epoch: String, stream: String,
    batch: inout AppendBatch
  ) throws(TableError) -> Attempt {
    guard let states, entries.contains(where: { states.rule(of: $0.event) != nil }) else {
      return Attempt(writer: writer, epoch: epoch, first: first, entries: entries, events: entries.map(\.event))
    }
    var changes = try StateChanges(
      of: entries.map(\.event), rules: states, stream: stream, epoch: epoch, table: table)
    var taken: [AppendBatch.Entry] = []
    var events: [Event] = []
    for entry in entries {
      switch changes.apply(entry.event, sequence: first + Int64(events.count)) {
      case .success(let event):
        taken.append(entry)
        events.append(event)
      case .failure(let refusal):
        let known = try known(entry, epoch: epoch, stream: stream)
        batch.record(entry, outcome: known ?? .refused(refusal))
      }
    }
    return Attempt(writer: writer, epoch: epoch, first: first, entries: taken, events: events, states: changes)
  }

  /// An event that was appended before is known, whatever the state would make of it now.
  private func known(
    _ entry: AppendBatch.Entry, epoch: String, stream: String
  ) throws(TableError) -> AppendOutcome? {
    guard let claim = entry.claim,
      let item = try table.get(ClaimRow.key(stream: stream, name: claim.name), consistency: .strong),
      let earlier = ClaimRow(item), earlier.epoch == epoch, earlier.digest == claim.digest
    else { return nil }
    return .known(sequence: earlier.sequence)
  }

  private mutating func write(_ attempt: Attempt, head: LogHead?, stream: String) throws(TableError) {
    var writes = [headWrite(attempt, head: head, stream: stream), .put(segment(attempt, stream: stream))]
    for (offset, entry) in attempt.entries.enumerated() {
      guard let claim = entry.claim else { continue }
      writes.append(claimWrite(claim, attempt: attempt, sequence: attempt.first + Int64(offset), stream: stream))
    }
    if let states = attempt.states { writes += states.writes(expires: clock.seconds + limits.stateSeconds) }
    let open = activeStreams.row(stream: stream)
    if let open { writes.append(.put(open)) }
    try table.transact(writes, durability: .disk)
    if open != nil { activeStreams.recordPut(stream: stream) }
  }

  private func headWrite(_ attempt: Attempt, head: LogHead?, stream: String) -> TransactionWrite {
    let moved = LogHead(epoch: attempt.epoch, next: attempt.first + Int64(attempt.entries.count))
    let expires = clock.seconds + LogHeadRow.keptSeconds
    guard let head else { return .put(LogHeadRow.item(stream: stream, head: moved, expires: expires), if: .absent) }
    return .update(
      LogHeadRow.key(stream: stream), LogHeadRow.change(next: moved.next, expires: expires),
      if: LogHeadRow.isUnmoved(head))
  }

  private func segment(_ attempt: Attempt, stream: String) -> Item {
    SegmentRow.item(
      stream: stream, first: attempt.first, epoch: attempt.epoch, writer: attempt.writer,
      atMilliseconds: clock.milliseconds(), events: attempt.events,
      expires: clock.seconds + SegmentRow.keptSeconds(limits))
  }

  private func claimWrite(
    _ claim: EventClaim, attempt: Attempt, sequence: Int64, stream: String
  ) -> TransactionWrite {
    let item = ClaimRow.item(
      stream: stream, claim: claim, epoch: attempt.epoch, sequence: sequence,
      expires: clock.seconds + ClaimRow.keptSeconds(limits))
    return .put(item, if: ClaimRow.isFree(in: attempt.epoch))
  }

  // MARK: What came of it

  private mutating func record(_ attempt: Attempt, batch: inout AppendBatch) {
    evictedStates.merge(attempt.states?.evicted ?? [:], uniquingKeysWith: +)
    for (offset, entry) in attempt.entries.enumerated() {
      let sequence = attempt.first + Int64(offset)
      let isBeside = entry.claim?.isBeside == true
      batch.record(entry, outcome: isBeside ? .appendedDespiteKey(sequence: sequence) : .appended(sequence: sequence))
    }
  }

  /// The attempt whose segment stands in the log.
  private func completed(_ attempts: [Attempt], stream: String) throws(TableError) -> Attempt? {
    for attempt in attempts {
      let earlier = try table.get(SegmentRow.key(stream: stream, first: attempt.first), consistency: .strong)
      if earlier.flatMap(SegmentRow.init)?.writer == attempt.writer { return attempt }
    }
    return nil
  }

  /// What is left of an attempt without the events whose idempotency keys are taken, and with another claim for those
  /// whose message's key belongs to another content. If none is taken, only the head had moved.
  private func withoutKnown(
    _ attempt: Attempt, indices: [Int], stream: String, batch: inout AppendBatch
  ) throws(TableError) -> [AppendBatch.Entry] {
    var failed = Set(indices.map { $0 - 2 })
    var left: [AppendBatch.Entry] = []
    var claims = 0
    for entry in attempt.entries {
      guard let claim = entry.claim else {
        left.append(entry)
        continue
      }
      let isTaken = failed.remove(claims) != nil
      claims += 1
      guard isTaken, let item = try table.get(ClaimRow.key(stream: stream, name: claim.name), consistency: .strong),
        let earlier = ClaimRow(item), earlier.epoch == attempt.epoch
      else {
        left.append(entry)
        continue
      }
      if earlier.digest == claim.digest {
        batch.record(entry, outcome: .known(sequence: earlier.sequence))
      } else if let beside = claim.beside {
        left.append(AppendBatch.Entry(index: entry.index, event: entry.event, claim: beside))
      } else {
        batch.record(entry, outcome: .refused(claim.refusal(holder: "event \(earlier.sequence) of the stream")))
      }
    }
    return left
  }
}
