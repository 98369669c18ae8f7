import ConnectionStore
import Connections
import Messaging
import Telemetry

// What waits for a user: the newest of what was addressed to it.
extension RecoveryReader {
  /// So many events of a user's log are looked through at most for each one that may wait.
  private static let lookedThroughEach: Int64 = 100
  private static let readTogether: Int64 = 500

  /// The newest events of a user's stream that are for a connection, `PERSONAL_EVENTS` at most, in order; what has lapsed is
  /// not among them.
  ///
  /// Read backwards, since of a type that conflates a key counts once: of 50 positions of one account and three orders, four
  /// wait, and the position says that it stands for 49 earlier ones.
  func waiting(
    record: ConnectionRecord, stream: String, head: LogHead, after: Int64, through: Int64, budget: inout RecoveryLimits
  ) throws(TableError) -> Replay {
    var waiting = Waiting(events: Int(personalEvents), bytes: budget.bytes, types: types)
    let oldest = max(after, through - personalEvents * Self.lookedThroughEach)
    var (base, isTrimmed) = (oldest, oldest > after)
    var end = through
    reading: while end > oldest {
      let start = max(oldest, end - Self.readTogether)
      let events = try events(stream: stream, head: head, after: start, through: end)
      for logged in events.reversed() {
        let hasLapsed = EventTime.milliseconds(ofID: logged.event.id) ?? .max < budget.lapsedMilliseconds
        guard !hasLapsed, !isShown(logged.event, to: record) || waiting.add(logged) else {
          (base, isTrimmed) = (logged.sequence, !hasLapsed)
          break reading
        }
      }
      // What stood before is no longer in the log.
      guard events.first?.sequence == start + 1 else {
        (base, isTrimmed) = ((events.first?.sequence ?? end + 1) - 1, false)
        break
      }
      end = start
    }
    var replay = Replay(base: base, isTrimmed: isTrimmed)
    (replay.events, replay.folded) = (waiting.kept.reversed(), waiting.folded)
    budget.take(events: replay.events.count, bytes: waiting.bytes)
    return replay
  }

  /// All that the log holds of these; nothing before a gap.
  private func events(
    stream: String, head: LogHead, after: Int64, through: Int64
  ) throws(TableError) -> [LoggedEvent] {
    var events: [LoggedEvent] = []
    var position = after
    let part = LogHead(epoch: head.epoch, next: through + 1)
    while position < through {
      let page = try streamLog.read(stream: stream, head: part, after: position)
      if page.events.first?.sequence != position + 1 { events = [] }
      events += page.events
      position = page.through
    }
    return events
  }
}

/// Events as they are kept, the newest first.
private struct Waiting {
  private(set) var kept: [LoggedEvent] = []
  /// Of each by its sequence how many earlier ones it stands for.
  private(set) var folded: [Int64: Int] = [:]
  private var newest: [Key: Int64] = [:]
  private(set) var bytes = 0
  private let mostEvents: Int
  private let mostBytes: Int
  private let types: EventTypeTable

  private struct Key: Hashable {
    let type: [UInt8]
    let key: [UInt8]
  }

  init(events: Int, bytes: Int, types: EventTypeTable) {
    (mostEvents, mostBytes, self.types) = (events, bytes, types)
  }

  /// False: there is no room for it.
  mutating func add(_ logged: LoggedEvent) -> Bool {
    let event = logged.event
    let key =
      types.conflates(event.type) ? event.key.map { Key(type: Array(event.type.utf8), key: Array($0.utf8)) } : nil
    if let newer = key.flatMap({ newest[$0] }) {
      folded[newer, default: 0] += 1
      return true
    }
    let size = EventBlock.bound(of: event)
    guard kept.count < mostEvents, kept.isEmpty || bytes + size <= mostBytes else { return false }
    if let key { newest[key] = logged.sequence }
    kept.append(logged)
    bytes += size
    return true
  }
}
