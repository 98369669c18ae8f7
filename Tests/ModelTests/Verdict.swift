import ConnectionStore
import EventLog
import JSON
import Messaging
import TestSupport

@testable import Delivery
@testable import Publisher

/// Compares what each client showed with what the log holds.
struct Verdict {
  private(set) var faults: [String] = []
  private let repeatsHellos: Bool

  init(_ world: ModelWorld) throws {
    repeatsHellos = world.repeatsInvocations
    var logs: [String: [LoggedEvent]] = [:]
    let log = StreamLog(table: world.table, clock: world.clock.clock)
    for stream in ["all/price:update", "all/signal", "all/risk", "all/announcement", "user/u-0", "user/u-1"] {
      guard let head = try log.head(stream: stream) else { continue }
      logs[stream] = try log.read(stream: stream, head: head, after: 0, limitEvents: .max, limitBytes: .max).events
    }
    judgeLog(world, logs)
    for client in world.clients { judge(client, logs) }
    faults += PlainVerdict(world, logs).faults
  }

  /// Dense, each accepted event there, none with an idempotency key twice.
  private mutating func judgeLog(_ world: ModelWorld, _ logs: [String: [LoggedEvent]]) {
    var counts: [Int: Int] = [:]
    for (stream, events) in logs {
      if events.map(\.sequence) != Array(1...Int64(events.count)) { faults.append("\(stream) has holes") }
      for event in events { counts[Self.number(of: event), default: 0] += 1 }
    }
    for number in world.accepted where counts[number] == nil { faults.append("accepted \(number) is not in the log") }
    for (number, count) in counts where count > 1 && world.keyed.contains(number) {
      faults.append("\(number) stands \(count) times in the log")
    }
  }

  private mutating func judge(_ client: ModelClient, _ logs: [String: [LoggedEvent]]) {
    let name = "client \(client.position)"
    if client.records.contains(.gap) { faults.append("\(name): a gap was told, but nothing was missing") }
    var streams = client.types.filter { client.plan.principal.mayFollow($0) }.map { "all/\($0)" } + ["all/announcement"]
    if let user = client.plan.principal.user { streams.append("user/\(user)") }
    for case .event(let stream, let sequence, _, _) in client.records where !streams.contains(stream) {
      faults.append("\(name): saw \(stream) \(sequence)")
    }
    for stream in streams { judge(client, stream, logs[stream] ?? [], name) }
  }

  private mutating func judge(_ client: ModelClient, _ stream: String, _ log: [LoggedEvent], _ name: String) {
    var position: Int64?
    var covered: Set<Int64> = []
    var isWhole = true
    var state: [ModelClient.Record] = []
    for record in client.records {
      switch record {
      case .snapshot(stream, let through, let isFirst, let isLast, let events, let asked):
        // One that did not come to its end is replaced by another; and a hello that was worked on twice may tell a
        // newer one.
        if isFirst, let position, !repeatsHellos || through < position {
          faults.append("\(name): a second state of \(stream)")
        }
        isWhole = isLast
        state = isFirst ? events : state + events
        guard isLast else { continue }
        if stream.hasPrefix("user/") {
          faults += UserStateVerdict(log, through: max(through, asked)).faults(
            of: state, isWanted: client.plan.wantsOrders
          )
          .map { "\(name): the state of \(stream) through \(through) \($0)" }
        } else {
          judge(state, of: stream, through: through, log, client.plan, name)
        }
        position = max(position ?? 0, through)
        covered.formUnion(log.lazy.map(\.sequence).filter { $0 <= through })
      case .event(stream, let sequence, let folded, let number):
        if !isWhole { faults.append("\(name): \(stream) \(sequence) in the middle of its state") }
        guard let last = position else {
          faults.append("\(name): \(stream) \(sequence) before its state")
          continue
        }
        guard sequence > last else {
          faults.append("\(name): \(stream) \(sequence) after \(last)")
          continue
        }
        guard sequence <= log.count, Self.number(of: log[Int(sequence) - 1]) == number else {
          faults.append("\(name): \(stream) \(sequence) is another event than the log's")
          continue
        }
        position = sequence
        covered.insert(sequence)
        var left = folded
        let event = log[Int(sequence) - 1].event
        for earlier in log[..<(Int(sequence) - 1)].reversed() where left > 0 && Self.stands(event, for: earlier.event) {
          covered.insert(earlier.sequence)
          left -= 1
        }
        if left > 0 { faults.append("\(name): \(stream) \(sequence) stands for \(left) too many") }
      default: break
      }
    }
    if !isWhole { faults.append("\(name): half a state of \(stream)") }
    guard position != nil else { return faults.append("\(name): nothing of \(stream)") }
    for event in log where client.plan.wants(event.event) && !covered.contains(event.sequence) {
      faults.append("\(name): never got \(stream) \(event.sequence)")
    }
  }

  /// A state holds the newest event of each key that is wanted, as the log has it, and nothing else. A key may be left
  /// out that has a newer event: that one comes after the state.
  private mutating func judge(
    _ state: [ModelClient.Record], of stream: String, through: Int64, _ log: [LoggedEvent], _ plan: ModelClient.Plan,
    _ name: String
  ) {
    var newest: [String: Int64] = [:]
    for logged in log where logged.event.audience == .everyone && plan.wants(logged.event) {
      if let key = logged.event.key, logged.sequence <= through { newest[key] = logged.sequence }
    }
    var told: Set<Int64> = []
    for case .event(let origin, let sequence, _, let number) in state {
      let isRight =
        origin == stream && newest.values.contains(sequence) && Self.number(of: log[Int(sequence) - 1]) == number
      if !isRight { faults.append("\(name): the state of \(stream) through \(through) shows \(origin) \(sequence)") }
      if !told.insert(sequence).inserted { faults.append("\(name): the state of \(stream) shows \(sequence) twice") }
    }
    for (key, sequence) in newest where !told.contains(sequence) {
      if log.contains(where: { $0.event.key == key && $0.sequence > through }) { continue }
      faults.append("\(name): the state of \(stream) through \(through) lacks \(sequence)")
    }
  }

  static func stands(_ event: Event, for earlier: Event) -> Bool {
    guard let key = event.key, let other = earlier.key else { return false }
    return key == other && event.type == earlier.type && !earlier.isUrgent
  }

  static func number(of event: LoggedEvent) -> Int {
    var reader = JSONReader(event.event.data)
    guard (try? reader.beginObject()) != nil, (try? reader.nextKey()) == "n", let number = try? reader.integer() else {
      return 0
    }
    return Int(number)
  }
}

extension Principal {
  /// Said once more, so that a mistake in the table of event types does not judge itself.
  fileprivate func mayFollow(_ type: String) -> Bool {
    switch role {
    case .admin: true
    case .approver: ["signal", "risk", "price:update"].contains(type)
    case .viewer: ["signal", "price:update"].contains(type)
    default: false
    }
  }
}

extension ModelClient.Plan {
  fileprivate var wantsOrders: Bool { types.contains("order:update") }

  fileprivate func wants(_ event: Event) -> Bool {
    event.type == "announcement"
      || (types + moreTypes).contains(event.type) && (keys.isEmpty || event.key.map(keys.contains) ?? false)
  }
}
