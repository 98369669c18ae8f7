import Connections
import EventLog
import Messaging
import Telemetry

// What waits for a user: `WaitingCount`.
extension StreamSender {
  /// Counts a round's events where nobody of the user is there. A line says so when the oldest of what waits had to be evicted.
  func countWaiting(_ plan: RoundPlan, result: RoundResult, leased: inout LeasedStream) {
    guard StreamName.isPersonal(stream: plan.stream), result.isComplete, !plan.events.isEmpty else { return }
    let isAway = isNobodyThere(plan, result: result)
    guard leased.progress.countWaiting(plan, isAway: isAway, types: types, limit: personalEvents) else { return }
    log.warn(
      "events evicted: more wait for a user than are kept",
      ["stream": .stream(plan.stream), "kept": .number(personalEvents), "seq": .number(plan.end)])
  }

  /// Whether nothing was sent, and all of those that lag have left: the lag row of a connection stands until its turn, so one
  /// that came and left a moment ago may still have the row of its delivery pause.
  private func isNobodyThere(_ plan: RoundPlan, result: RoundResult) -> Bool {
    guard result.connections == 0, result.lags.allSatisfy({ $0.pace == .gone }) else { return false }
    let lagging = plan.lagging.ids.subtracting(plan.lagging.departed)
    if lagging.isEmpty { return true }
    // If that cannot be read now, the count begins anew: a line less is told.
    return (try? connections.connections(Array(lagging)))?.allSatisfy { $0 == nil } ?? false
  }
}
