/// One invocation that an environment was given.
final class Delivery {
  let id: FunctionPool.InvocationID
  let invocation: Invocation
  /// Names this delivery; a runtime that echoes it tells a late answer from a right one.
  let deliveryID: String
  /// The first of its environment, whose start is told in its report.
  let isFirst: Bool
  /// Microseconds of `Stopwatch`.
  let deliveredAt = Stopwatch.microseconds()
  /// Not answered, by the function or in its place.
  var isRunning = true
  /// Its answer, while that comes.
  var answer: StreamedAnswer?

  init(id: FunctionPool.InvocationID, invocation: Invocation, number: Int) {
    self.id = id
    self.invocation = invocation
    deliveryID = "\(invocation.requestID).\(number)"
    isFirst = number == 1
  }
}

/// The invocations of one environment: those that run, and those whose slots have not come back since their answer.
struct Deliveries {
  private var all: [FunctionPool.InvocationID: Delivery] = [:]
  private(set) var last: Delivery?
  private(set) var count = 0

  mutating func add(_ invocation: Invocation, id: FunctionPool.InvocationID) -> Delivery {
    count += 1
    let delivery = Delivery(id: id, invocation: invocation, number: count)
    all[id] = delivery
    last = delivery
    return delivery
  }

  func isRunning(_ id: FunctionPool.InvocationID) -> Bool { all[id]?.isRunning ?? false }

  subscript(_ id: FunctionPool.InvocationID) -> Delivery? { all[id] }

  var running: [Delivery] { all.values.filter(\.isRunning) }

  /// The one that an answer is meant for. `deliveryID` is the echo, if the runtime echoes.
  func find(requestID: String, deliveryID: String?) -> Delivery? {
    // Ordinarily there is one.
    if let last, last.invocation.requestID == requestID, deliveryID == nil || deliveryID == last.deliveryID {
      return last
    }
    return all.values.filter { delivery in
      delivery.invocation.requestID == requestID && (deliveryID == nil || deliveryID == delivery.deliveryID)
    }.max { $0.id < $1.id }
  }

  /// A slot has come back: which of those that have answered is not known, so the oldest is forgotten.
  mutating func slotReturned() {
    let answered = all.values.filter { !$0.isRunning }.min { $0.id < $1.id }
    if let answered { all[answered.id] = nil }
  }

  /// Whose a line of the log is: where several run it is nobody's.
  var author: Delivery? {
    guard all.count > 1 else { return last }
    let running = running
    return running.count == 1 ? running[0] : nil
  }
}
