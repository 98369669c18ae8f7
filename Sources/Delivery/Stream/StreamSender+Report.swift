import Connections
import EventLog
package import Messaging
package import Telemetry

extension StreamSender {
  /// What came of sending a stream.
  package struct Report {
    package let stream: String
    package internal(set) var counts = DeliveryCounts()
    /// How many events were conflated into later ones.
    package internal(set) var conflated = 0
    /// The connections that were left behind, and of each the frames that there was no time for: as it was when the sending
    /// ended. One that a round left behind and the next one served is not among them.
    private(set) var leftBehind: [ConnectionID: Int] = [:]
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

  /// The connections that were left behind.
  package var lagging: some Collection<ConnectionID> { leftBehind.keys }

  /// A connection is left behind, with so many frames unsent; nil: it has everything, or has left.
  mutating func settle(_ id: ConnectionID, unsent: Int?) {
    counts.unsent += (unsent ?? 0) - (leftBehind[id] ?? 0)
    leftBehind[id] = unsent
  }

  /// The counts of a fan-out but for what was unsent in it: that may have been sent since, or will be (`settle`).
  mutating func add(posted other: DeliveryCounts) {
    var posted = other
    posted.unsent = 0
    counts.add(posted)
  }

  /// What was sent of the same stream beside it.
  mutating func add(_ other: Self) {
    add(posted: other.counts)
    for (id, unsent) in other.leftBehind { settle(id, unsent: unsent) }
    conflated += other.conflated
    connections += other.connections
    events += other.events
    hasPendingEvents = hasPendingEvents || other.hasPendingEvents
  }

  /// What a round adds to it.
  mutating func add(_ result: RoundResult, plan: RoundPlan, clock: Clock) {
    add(posted: result.counts)
    for row in result.served { settle(row.id, unsent: nil) }
    for lag in result.lags { settle(lag.id, unsent: lag.pace == .gone ? nil : result.unsent[lag.id] ?? 0) }
    conflated += result.conflated
    let lagCount = result.lags.count { $0.pace != .gone }
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
