import ConnectionStore
import Connections
import EventLog
import Messaging
import Telemetry

// What is written of an attempt.
extension StreamSender.LagDelivery.LagPage {
  /// What became of each: one request for all, but for those that are removed.
  mutating func write() throws(TableError) {
    var outcomes: [(row: LaggingConnection, outcome: Lag)] = []
    for row in rows where !departed.contains(row.id) {
      if let outcome = outcome(of: row) { outcomes.append((row, outcome)) }
    }
    hasTried = !outcomes.isEmpty || !departed.isEmpty
    let refused = try streamSender.rows.lagging.write(outcomes, stream: stream)
    for (row, outcome) in outcomes {
      let unsent = failures[row.id].map { $0.isUnsent ? $0.undelivered : 0 }
      settled.append((row.id, outcome.pace == .slow ? unsent ?? 0 : nil))
      if !refused.contains(row.id) {
        if outcome.pace == .ready { hasReady = true }
      } else if mayHaveArrived(row) {
        // The handler that paused delivery posts the state, and these events may have come before it: they are sent again, so
        // that the newest comes last.
        try streamSender.rows.lagging.record([Lag(id: row.id, from: row.from)], stream: stream, epoch: reading.epoch)
        hasReady = true
      }
    }
    settled += departed.map { ($0, nil) }
    try remove(rows.filter { departed.contains($0.id) })
  }

  /// Nil: it was not tried.
  private func outcome(of row: LaggingConnection) -> Lag? {
    guard let catchUp = catchUps[row.id] else {
      return Lag(id: row.id, from: row.from, failures: row.failures + 1, pace: .gone)
    }
    guard let failure = failures[row.id], !failure.isTooLarge else { return progress(catchUp) }
    let withheld = withheld(catchUp, after: failure)
    let from = withheld == nil ? failure.from : row.from
    switch failure.reason {
    case .unsent:
      guard from > row.from || withheld != row.withheld else { return nil }
      return Lag(id: row.id, from: from, failures: row.failures, pace: .slow, withheld: withheld)
    case .gone: return Lag(id: row.id, from: from, failures: row.failures + 1, pace: .gone)
    default:
      return Lag(
        id: row.id, from: from, failures: failure.isPartial ? 1 : row.failures + 1, pace: .slow,
        dueByMilliseconds: failure.knownByMilliseconds, withheld: withheld)
    }
  }

  /// A connection that is sent some events of a part of the log after the other keeps those that it has got.
  private func withheld(_ catchUp: CatchUp, after failure: DeliveryFailure) -> Withheld? {
    guard var withheld = catchUp.rest?.withheld ?? catchUp.row.withheld, withheld.through > 0 else { return nil }
    withheld.after = max(catchUp.row.withheld?.after ?? 0, failure.after)
    return withheld
  }

  /// It has what it was sent. One that has all that was delivered and answered promptly is ready for the next round.
  private func progress(_ catchUp: CatchUp) -> Lag {
    let row = catchUp.row
    if let rest = catchUp.rest { return Lag(id: row.id, from: row.from, rest: rest) }
    return progress(row, through: catchUp.through ?? reading.deliveredThrough)
  }

  private func progress(_ row: LaggingConnection, through: Int64) -> Lag {
    let paid = streamSender.budget?.paidUntil(row.id, nowMilliseconds: streamSender.clock.milliseconds()) ?? 0
    let withheld = paid > 0 ? Withheld(paidUntilMilliseconds: paid) : nil
    if through < reading.deliveredThrough {
      return Lag(id: row.id, from: through + 1, failures: 0, pace: .slow, withheld: withheld)
    }
    guard counts.slow.contains(row.id) else {
      return Lag(id: row.id, from: through + 1, failures: row.failures, withheld: withheld)
    }
    return Lag(id: row.id, from: through + 1, failures: max(2, row.failures), pace: .slow, withheld: withheld)
  }

  private func mayHaveArrived(_ row: LaggingConnection) -> Bool {
    guard catchUps[row.id]?.delivery != nil else { return false }
    guard let failure = failures[row.id] else { return true }
    if failure.isPartial || failure.isTooLarge { return true }
    switch failure.reason {
    case .hung, .broken: return true
    case .gone, .refused, .unreachable, .unsent: return false
    }
  }

  /// Removes their listener rows first: a sender that posts to one in between finds it gone once more.
  private mutating func remove(_ gone: [LaggingConnection]) throws(TableError) {
    guard !gone.isEmpty else { return }
    var leaving: [Connections.Leaving] = []
    for row in gone {
      // Where its own row is gone too, the topics of what it lacks tell under which it stands.
      let isKnown = row.from <= reading.deliveredThrough
      let topics = isKnown ? EventBatch(try pages.page(from: row.from).events.map(\.event)).topics : []
      leaving.append(Connections.Leaving(id: row.id, found: topics, record: records[row.id]))
    }
    let removed = streamSender.remove(leaving, counts: &counts)
    try streamSender.rows.lagging.remove(gone.filter { removed.contains($0.id) }, stream: stream)
  }
}
