import Connections
import EventLog
import Messaging
package import Telemetry

extension StreamSender {
  /// What came of sending a stream.
  package struct Report {
    package let stream: String
    package internal(set) var tally = DeliveryCounts()
    /// How many events others stood for.
    package internal(set) var folded = 0
    /// How many connections were noted as behind.
    package internal(set) var behind = 0
    /// How many connections got everything of a round, and how many events that was, counted for each.
    package internal(set) var connections = 0
    package internal(set) var events = 0
    /// Of each event that was sent, for each connection, how long after it was accepted its round had ended, in
    /// milliseconds.
    package internal(set) var latencies = Histogram()
    /// How old the oldest event is that is left, in milliseconds since it was accepted.
    package internal(set) var leftMilliseconds: Int64 = 0
    /// Another holds the lease and sends what is there, or the time was up, or the table failed: the events are in the
    /// log and will be sent.
    package internal(set) var isQueued = false
    /// It is the first: another was at it from the start.
    package internal(set) var isLeaseTaken = false
    /// Something is left and nobody is at it: the function should be invoked again.
    package internal(set) var needsDrain = false
    /// A slow connection waits for a lag sender.
    package internal(set) var isLagDue = false
  }
}

extension StreamSender.Report {
  /// What was sent of the same stream beside it.
  mutating func add(_ other: Self) {
    tally.add(other.tally)
    folded += other.folded
    behind += other.behind
    connections += other.connections
    events += other.events
    needsDrain = needsDrain || other.needsDrain
  }

  /// What a round adds to it.
  mutating func add(_ result: Round.Result, round: Round, clock: Clock) {
    tally.add(result.tally)
    folded += result.folded
    let lagging = result.missing.count { $0.pace != .gone }
    behind += lagging
    if result.missing.contains(where: { $0.pace != .ready }) { isLagDue = true }
    connections += result.connections
    events += result.events
    let now = clock.milliseconds()
    guard let oldest = round.events.first.flatMap({ EventTime.milliseconds(ofID: $0.event.id) }) else { return }
    let isLeft = result.isLeaseLost || result.failure != nil || result.cut != nil || lagging > 0
    leftMilliseconds = isLeft ? max(leftMilliseconds, now - oldest) : 0
    guard !round.events.isEmpty, result.events > 0 else { return }
    // As many of each as the round had: which of them reached whom is not told.
    let share = max(1, result.events / round.events.count)
    for event in round.events {
      if let accepted = EventTime.milliseconds(ofID: event.event.id) { latencies.record(now - accepted, count: share) }
    }
  }
}

extension DeliveryCounts {
  package mutating func add(_ other: DeliveryCounts) {
    deliveries += other.deliveries
    gone += other.gone
    retried += other.retried
    failed += other.failed
    unsent += other.unsent
    if !other.isEveryPageRead { isEveryPageRead = false }
  }
}
