/// The newest events that fit the bounds of one answer.
struct KeptEvents {
  private var list: [LoggedEvent] = []
  private var start = 0
  private(set) var bytes = 0
  private let limits: RecoveryLimits

  init(limits: RecoveryLimits) { self.limits = limits }

  var events: [LoggedEvent] { Array(list[start...]) }

  mutating func removeAll() {
    list.removeAll()
    (start, bytes) = (0, 0)
  }

  /// The sequence number of the newest event that had to go for it, if one had.
  mutating func add(_ event: LoggedEvent) -> Int64? {
    list.append(event)
    bytes += EventBlock.bound(of: event.event)
    var dropped: Int64?
    while list.count - start > limits.events || bytes > limits.bytes, start < list.count - 1 {
      bytes -= EventBlock.bound(of: list[start].event)
      dropped = list[start].sequence
      start += 1
    }
    if start > 4_096 {
      list.removeFirst(start)
      start = 0
    }
    return dropped
  }
}
