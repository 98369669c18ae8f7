import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// What is done under the lease: one step is planned and made, and says when the next one is due.
extension StreamSender {
  enum Step {
    case again(at: Int64)
    case done
  }

  /// What is to be done for a stream next.
  private enum Plan {
    case round(RoundPlan)
    /// Nothing before this moment, in milliseconds since the epoch.
    case wait(until: Int64)
    /// Another process is to send the rest. `isQueued`: the rest is the caller's own.
    case handOver(isQueued: Bool)
    /// Nothing is left, as it was read.
    case release(StreamReading)
    /// The stream has no log any more.
    case forget
  }

  /// One step of each of these streams: what is to be done is planned for each, and the rounds are made together.
  func steps(_ indices: [Int], of leased: inout [LeasedStream], stopAt: Int64) -> [Step] {
    var steps = indices.map { _ in Step.done }
    var rounds: [(step: Int, plan: RoundPlan)] = []
    for (step, index) in indices.enumerated() {
      steps[step] = attempt(&leased[index]) { one throws(TableError) in
        let plan = try self.plan(&one, stopAt: stopAt)
        guard case .round(let round) = plan else { return try make(plan, leased: &one) }
        rounds.append((step, round))
        return .done
      }
    }
    guard !rounds.isEmpty else { return steps }
    let results = deliver(rounds.map { ($0.plan, indices[$0.step]) }, of: &leased)
    for ((step, plan), result) in zip(rounds, results) {
      steps[step] = attempt(&leased[indices[step]]) { one throws(TableError) in
        try conclude(plan, result: result, leased: &one)
      }
    }
    return steps
  }

  private func deliver(_ rounds: [(plan: RoundPlan, index: Int)], of leased: inout [LeasedStream]) -> [RoundResult] {
    for (plan, index) in rounds where !plan.events.isEmpty { leased[index].progress.beginRound(in: window) }
    if rounds.contains(where: { !$0.plan.events.isEmpty }) {
      let now = clock.milliseconds()
      for index in leased.indices {
        leased[index].slot = window.slot(nowMilliseconds: now, after: leased[index].slot)
      }
    }
    var progresses = rounds.map { leased[$0.index].progress }
    let results = deliver(rounds.map(\.plan), progresses: &progresses)
    for ((_, index), progress) in zip(rounds, progresses) { leased[index].progress = progress }
    return results
  }

  /// What needs no fan-out.
  private func make(_ plan: Plan, leased: inout LeasedStream) throws(TableError) -> Step {
    switch plan {
    case .round: return .done
    case .wait(let moment): return .again(at: moment)
    case .handOver(let isQueued): return try handOver(&leased, isQueued: isQueued)
    case .release(let reading): return try release(reading, leased: &leased)
    case .forget:
      try leased.progress.leave()
      return .done
    }
  }

  // MARK: Plan

  private func plan(_ leased: inout LeasedStream, stopAt: Int64) throws(TableError) -> Plan {
    guard let reading = try leased.progress.read() else { return .forget }
    if reading.lagging.isUnserved { leased.report.isLagDue = true }
    let hasNews = leased.progress.deliveredThrough < reading.head.last
    guard hasNews || !reading.lagging.waiting.isEmpty else { return .release(reading) }
    if reading.milliseconds >= stopAt { return .handOver(isQueued: true) }
    if reading.milliseconds >= leased.handOverAt, leased.progress.deliveredThrough >= leased.own {
      return .handOver(isQueued: false)
    }
    return hasNews
      ? try planEvents(reading, leased: &leased, stopAt: stopAt) : planLagging(reading, leased: leased, stopAt: stopAt)
  }

  /// A round begins when its slot is there (`RoundWindow`), unless an event is urgent.
  private func planEvents(
    _ reading: StreamReading, leased: inout LeasedStream, stopAt: Int64
  ) throws(TableError) -> Plan {
    let page = try leased.progress.page(upTo: reading.head)
    let opens = window.opens(after: max(leased.progress.roundAtMilliseconds, leased.slot))
    // What is further away than a window was written by a clock that was ahead.
    let isOpen = opens <= reading.milliseconds || opens - reading.milliseconds > window.milliseconds
    guard isOpen || page.events.contains(where: \.event.isUrgent) else { return .wait(until: opens) }
    leased.waitsUntil = reading.milliseconds + Self.laggingTimeoutMilliseconds
    return .round(leased.plan(reading, page: page, rule: batchRule, stopAt: stopAt))
  }

  /// A round for connections that lag alone.
  private func planLagging(_ reading: StreamReading, leased: LeasedStream, stopAt: Int64) -> Plan {
    if !reading.lagging.due.isEmpty {
      let nothing = LogPage(events: [], through: leased.progress.deliveredThrough)
      return .round(leased.plan(reading, page: nothing, rule: batchRule, stopAt: stopAt))
    }
    let next = reading.lagging.waiting.lazy.map(\.dueAtMilliseconds).min() ?? .max
    return next <= leased.waitsUntil ? .wait(until: next) : .release(reading)
  }

  // MARK: Deliver, record, checkpoint, release

  private func conclude(
    _ plan: RoundPlan, result: RoundResult, leased: inout LeasedStream
  ) throws(TableError) -> Step {
    leased.report.add(result, plan: plan, clock: clock)
    try leased.progress.record(result, of: plan)
    countWaiting(plan, result: result, leased: &leased)
    switch result.ending {
    case .complete: return try complete(plan, result: result, leased: &leased)
    case .leaseLost: return loseLease(&leased)
    case .outOfTime: return try handOver(&leased, isQueued: true)
    case .aborted:
      // With time left, what aborted the round would abort another one at once: the sweep makes it.
      return try handOver(&leased, isQueued: true, isSentSoon: clock.milliseconds() >= plan.stopAt)
    case .failed(let failure):
      try leased.progress.leave()
      throw failure
    }
  }

  /// After a round that came to its end, and was recorded: if it is the last, one write moves the checkpoint and releases
  /// the lease.
  private func complete(_ plan: RoundPlan, result: RoundResult, leased: inout LeasedStream) throws(TableError) -> Step {
    let reading = plan.readingAfter
    if plan.isQuiet(after: result), try leased.progress.isHead(of: reading) {
      return try release(reading, leased: &leased)
    }
    guard try leased.progress.save() else { return loseLease(&leased) }
    return .again(at: clock.milliseconds())
  }

  private func release(_ reading: StreamReading, leased: inout LeasedStream) throws(TableError) -> Step {
    try leased.progress.release(reading) ? .again(at: clock.milliseconds()) : .done
  }

  private func handOver(
    _ leased: inout LeasedStream, isQueued: Bool, isSentSoon: Bool = true
  ) throws(TableError) -> Step {
    try leased.progress.leave()
    if isQueued { leased.report.isQueued = true }
    leased.report.hasPendingEvents = isSentSoon
    return .done
  }

  private func loseLease(_ leased: inout LeasedStream) -> Step {
    leased.report.isQueued = true
    return .done
  }
}

extension StreamSender.LeasedStream {
  fileprivate func plan(_ reading: StreamReading, page: LogPage, rule: BatchRule, stopAt: Int64) -> RoundPlan {
    RoundPlan(
      stream: progress.stream, reading: reading, page: page, deliveredThrough: progress.deliveredThrough, rule: rule,
      stopAt: stopAt)
  }
}
