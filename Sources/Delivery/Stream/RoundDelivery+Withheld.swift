import Connections
import EventLog
import Frames
import Messaging
import Telemetry

// What a listener of the round is not sent now. Its lag row is written with those of the failures: nothing of it asks the table
// during the fan-out.
extension StreamSender.RoundDelivery {
  /// The frames that the recipient is sent now; the rest is withheld.
  mutating func limited(_ frames: [OutgoingFrame], to recipient: Recipient) -> [OutgoingFrame] {
    if recipient.accepts.asksForBatches(recipient.dialect) { return batched(frames, to: recipient) }
    guard !recipient.accepts.takesBatches(recipient.dialect) else { return frames }
    let urgent = hasUrgent ? PlacedEvent.lastUrgent(of: recipient.matches, among: events) : 0
    let limited = streamSender.limited(frames, to: recipient.id, through: plan.end, urgent: urgent)
    guard let rest = limited.rest else { return frames }
    // From the round's first event on, so that the same events are conflated again.
    withheld[recipient.id] = Lag(id: recipient.id, from: plan.events.first?.sequence ?? plan.end, rest: rest)
    return Array(limited.now)
  }

  // MARK: 002's batches

  /// All frames if they are a batch, none otherwise: then the batch is due by the time of its first event.
  private mutating func batched(_ frames: [OutgoingFrame], to recipient: Recipient) -> [OutgoingFrame] {
    let placed = recipient.matches.map { events[$0.event] }
    let count = placed.reduce(0) { $0 + $1.placement.folded + 1 }
    if count >= streamSender.batchRule.events || placed.contains(where: \.event.isUrgent) { return frames }
    let from = placed.map(\.placement.first).min() ?? plan.end
    let due = streamSender.batchRule.due(first: plan.event(from), now: streamSender.clock.milliseconds())
    withheld[recipient.id] = Lag(
      id: recipient.id, from: from, pace: .slow, dueAtMilliseconds: due, withheld: Withheld(isBatching: true))
    return []
  }

  /// Whether a connection that lags has its turn in this round: not one whose batch is not full, nor due.
  func isDue(_ catchUp: CatchUp) -> Bool {
    guard catchUp.row.isSlow, catchUp.row.withheld?.isBatching ?? false, catchUp.through != nil else { return true }
    return catchUp.isUrgent || catchUp.eventCount >= streamSender.batchRule.events
  }
}
