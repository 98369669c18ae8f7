import Connections
import EventLog
import Messaging
package import Telemetry

extension StreamSender {
  /// What came of sending a stream.
  package struct Report {
    package let stream: String
    package internal(set) var counts = DeliveryCounts()
    /// How many events were conflated into later ones.
    package internal(set) var conflated = 0
    /// How many connections were recorded as lagging.
    package internal(set) var lagging = 0
    /// How many connections got everything of a round, and how many events that was, counted for each.
    package internal(set) var connections = 0
    package internal(set) var events = 0
    /// Of each event that was sent, for each connection, how long after it was accepted its round had ended, in
    /// milliseconds.
    package internal(set) var latencies = Histogram()
    /// How old the oldest event is that is left, in milliseconds since it was accepted.
    package internal(set) var leftMilliseconds: Int64 = 0
    /// Another process has the lease and sends what is there, or the time was up, or the table failed: the events are in the
    /// log and will be sent.
    package internal(set) var isQueued = false
    /// It is the first: another was at it from the start.
    package internal(set) var isLeaseTaken = false
    /// Events are unsent and no process is at them: the function should be invoked again.
    package internal(set) var hasPendingEvents = false
    /// A slow connection waits for a lag sender.
    package internal(set) var isLagDue = false
    /// It waits for what is withheld from it (`Withheld`), at a moment that is known.
    package internal(set) var isLagPlanned = false
  }
}

extension StreamSender.Report {
  /// How old the oldest event is that is left, in milliseconds; nil: something is left, and how old it is was not seen.
  package var logAgeMilliseconds: Int64? {
    leftMilliseconds > 0 || !isQueued && !hasPendingEvents ? leftMilliseconds : nil
  }

  /// What was sent of the same stream beside it.
  mutating func add(_ other: Self) {
    counts.add(other.counts)
    conflated += other.conflated
    lagging += other.lagging
    connections += other.connections
    events += other.events
    hasPendingEvents = hasPendingEvents || other.hasPendingEvents
  }

  /// What a round adds to it.
  mutating func add(_ result: RoundResult, plan: RoundPlan, clock: Clock) {
    counts.add(result.counts)
    conflated += result.conflated
    let lagCount = result.lags.count { $0.pace != .gone }
    lagging += lagCount
    if result.lags.contains(where: { $0.pace != .ready }) { isLagDue = true }
    if result.lags.contains(where: \.isPlanned) { isLagPlanned = true }
    connections += result.connections
    events += result.events
    let now = clock.milliseconds()
    guard let oldest = plan.events.first.flatMap({ EventTime.milliseconds(ofID: $0.event.id) }) else { return }
    leftMilliseconds = !result.isComplete || lagCount > 0 ? max(leftMilliseconds, now - oldest) : 0
    guard result.events > 0 else { return }
    // As many of each as the round had: which connection got which is not counted.
    let share = max(1, result.events / plan.events.count)
    for event in plan.events {
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
    disconnects.merge(other.disconnects, uniquingKeysWith: +)
    if !other.isEveryPageRead { isEveryPageRead = false }
  }
}
