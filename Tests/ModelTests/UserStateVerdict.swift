import EventLog
import Messaging

/// Compares the orders that a client was shown as a user's state with what the log makes of them.
///
/// Each holds every event of its order up to where the state says, and may hold later ones, which come to the client too.
struct UserStateVerdict {
  /// By order, in the order of the log: each event of it, and the number of the last update that it leaves in the state.
  private var orders: [String: [(sequence: Int64, number: Int)]] = [:]
  private let through: Int64

  init(_ log: [LoggedEvent], through: Int64) {
    self.through = through
    for logged in log where ["order:update", "order:fill"].contains(logged.event.type) {
      guard let key = logged.event.key else { continue }
      let before = orders[key]?.last?.number ?? 0
      let number = logged.event.type == "order:update" ? Verdict.number(of: logged) : before
      orders[key, default: []].append((logged.sequence, number))
    }
  }

  func faults(of state: [ModelClient.Record], isWanted: Bool) -> [String] {
    var faults: [String] = []
    var told: Set<String> = []
    for case .event(_, let sequence, _, let number) in state {
      guard isWanted, let (key, events) = orders.first(where: { $0.value.contains { $0.sequence == sequence } }) else {
        faults.append("shows \(sequence)")
        continue
      }
      if !told.insert(key).inserted { faults.append("shows \(key) twice") }
      if events.contains(where: { $0.sequence > sequence && $0.sequence <= through }) {
        faults.append("shows \(key) as of \(sequence)")
      }
      if let at = events.first(where: { $0.sequence == sequence }), at.number != number {
        faults.append("shows \(number) of \(key), which is \(at.number)")
      }
    }
    for (key, events) in orders where isWanted && !told.contains(key) && (events.first?.sequence ?? .max) <= through {
      faults.append("lacks \(key)")
    }
    return faults
  }
}
