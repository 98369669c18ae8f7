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
    guard !recipient.accepts.takesBatches(recipient.dialect) else { return frames }
    let urgent = hasUrgent ? PlacedEvent.lastUrgent(of: recipient.matches, among: events) : 0
    let limited = streamSender.limited(frames, to: recipient.id, through: plan.end, urgent: urgent)
    guard let rest = limited.rest else { return frames }
    // From the round's first event on, so that the same events are conflated again.
    withheld[recipient.id] = Lag(id: recipient.id, from: plan.events.first?.sequence ?? plan.end, rest: rest)
    return Array(limited.now)
  }

  // MARK: 002's batches

  /// The batches that are full, or due; of the rest a lag row says from which event on and until when it waits.
  mutating func batched(to recipient: Recipient) -> [OutgoingFrame] {
    if lastBatches?.matches != recipient.matches || lastBatches?.accepts != recipient.accepts {
      let all = conflated.all(recipient.matches)
      let batches = TimedBatches(
        all, accepts: recipient.accepts, types: streamSender.types, rule: streamSender.batchRule, end: plan.end,
        isDue: false, now: streamSender.clock.milliseconds(), cursor: { pages.cursor(through: $0).text })
      lastBatches = (recipient.matches, recipient.accepts, batches)
    }
    guard let batches = lastBatches?.batches else { return [] }
    if let rest = batches.rest { withheld[recipient.id] = Lag(id: recipient.id, from: plan.end, rest: rest) }
    return batches.frames
  }

  /// Whether a connection that lags has its turn in this round: not one whose batch is not full, nor due.
  func isDue(_ catchUp: CatchUp) -> Bool {
    guard catchUp.row.isSlow, catchUp.row.withheld?.isBatching ?? false, catchUp.through != nil else { return true }
    return catchUp.delivery != nil
  }
}
