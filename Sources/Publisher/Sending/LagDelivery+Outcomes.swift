import ConnectionStore
import Delivery
import Messaging
import Streams
import Telemetry

// What is written of an attempt.
extension StreamSender.LagDelivery.LagPage {
  /// What became of each: one request for all, but for those that are removed.
  mutating func write() throws(TableError) {
    var outcomes: [(row: LaggingConnection, outcome: Missing)] = []
    for row in rows where !left.contains(row.id) {
      if let outcome = outcome(of: row) { outcomes.append((row, outcome)) }
    }
    hasTried = !outcomes.isEmpty || !left.isEmpty
    let refused = try streamSender.lagRows.write(outcomes, stream: stream)
    for (row, outcome) in outcomes {
      if outcome.pace == .slow { laggingCount += 1 }
      if !refused.contains(row.id) {
        if outcome.pace == .ready { hasReady = true }
      } else if mayHaveArrived(row) {
        // Whoever holds the place shows the state, and this may have come after it: it is sent again, so that the newest
        // comes last.
        try streamSender.lagRows.note([Missing(id: row.id, from: row.from)], stream: stream, epoch: look.epoch)
        hasReady = true
      }
    }
    try remove(rows.filter { left.contains($0.id) })
  }

  /// Nil: it was not tried.
  private func outcome(of row: LaggingConnection) -> Missing? {
    guard let catchUp = catchUps[row.id] else {
      return Missing(id: row.id, from: row.from, failures: row.failures + 1, pace: .gone)
    }
    guard let listener = catchUp.listener, let ending = endings[row.id], !ending.isTooLarge else {
      return progress(row, through: catchUp.through ?? look.deliveredThrough)
    }
    let from = listener.marks[ending.firstMissing]
    switch ending.reason {
    case .unsent: return from > row.from ? Missing(id: row.id, from: from, failures: row.failures, pace: .slow) : nil
    case .gone: return Missing(id: row.id, from: from, failures: row.failures + 1, pace: .gone)
    default:
      let isYoung = ending.reason == .refused(status: 410)
      return Missing(
        id: row.id, from: from, failures: ending.firstMissing > 0 ? 1 : row.failures + 1, pace: .slow,
        latestMilliseconds: isYoung ? listener.connectedAtMilliseconds + FanoutState.youngMilliseconds : nil)
    }
  }

  /// It has everything up to there. One that has all that was delivered and answered promptly is ready for the next round.
  private func progress(_ row: LaggingConnection, through: Int64) -> Missing {
    if through < look.deliveredThrough {
      return Missing(id: row.id, from: through + 1, failures: 0, pace: .slow)
    }
    guard tally.late.contains(row.id) else { return Missing(id: row.id, from: through + 1, failures: row.failures) }
    return Missing(id: row.id, from: through + 1, failures: max(2, row.failures), pace: .slow)
  }

  private func mayHaveArrived(_ row: LaggingConnection) -> Bool {
    guard catchUps[row.id]?.listener != nil else { return false }
    guard let ending = endings[row.id] else { return true }
    if ending.firstMissing > 0 || ending.isTooLarge { return true }
    switch ending.reason {
    case .hung, .broken: return true
    case .gone, .refused, .unreachable, .unsent: return false
    }
  }

  /// Their rows as listeners first: whoever posts to one in between finds it gone once more.
  private mutating func remove(_ gone: [LaggingConnection]) throws(TableError) {
    guard !gone.isEmpty else { return }
    var leaving: [Connections.Leaving] = []
    for row in gone {
      // Where its own row is gone too, the topics of what it lacks tell under which it stands.
      let isKnown = row.from <= look.deliveredThrough
      let topics = isKnown ? EventRun(try pages.page(from: row.from).events.map(\.event)).topics : []
      leaving.append(Connections.Leaving(id: row.id, found: topics, record: records[row.id]))
    }
    let removed = streamSender.remove(leaving)
    try streamSender.lagRows.remove(gone.filter { removed.contains($0.id) }, stream: stream)
  }
}
