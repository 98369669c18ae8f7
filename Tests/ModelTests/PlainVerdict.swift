import EventLog
import Messaging
import TestSupport

/// Compares what each client that knows no hello was shown with what the log holds, connection by connection.
///
/// On each: nothing but what was asked for; and if it is still open at the end, every event after the state, or another
/// that stands for it, and, while there is one sender at a time, of each key the newest last. In a schedule without
/// faults also the state first, and then each event once and in order. Of one stream to which a key was added: events
/// may come again; of one that was asked for again, a state too.
struct PlainVerdict {
  private(set) var faults: [String] = []
  private let logs: [String: [LoggedEvent]]
  private let isQuiet: Bool
  private let repeatsInvocations: Bool
  /// Clocks differ by more than a lease, or a function was held up for longer: what the first of two senders has begun may
  /// come after what the second sent.
  private let mayHaveTwoSenders: Bool

  init(_ world: ModelWorld, _ logs: [String: [LoggedEvent]]) {
    self.logs = logs
    isQuiet = world.isQuiet && !world.isLeaseOutrun
    repeatsInvocations = world.repeatsInvocations
    mayHaveTwoSenders = world.isSkewed || world.isLeaseOutrun
    for client in world.plainClients {
      for (position, session) in client.sessions.enumerated() {
        judge(client, session, isOpen: client.isConnected && position == client.sessions.count - 1)
      }
      if !client.isConnected { faults.append("plain client \(client.position) is not connected at the end") }
    }
  }

  private mutating func judge(_ client: PlainClient, _ session: PlainClient.Session, isOpen: Bool) {
    let name = session.id.text
    let said = Set(session.records.compactMap { if case .said(let request) = $0 { request } else { nil } })
    var streams = Set(said.map(\.stream))
    streams.formUnion(session.followedFrom.keys)
    for record in session.records {
      for (stream, sequence, number) in Self.shown(record) {
        guard let log = logs[stream], streams.contains(stream), 1...log.count ~= Int(sequence) else {
          faults.append("\(name): saw \(stream) \(sequence)")
          continue
        }
        let event = log[Int(sequence) - 1]
        if Verdict.number(of: event) != number { faults.append("\(name): \(stream) \(sequence) is another event") }
        if session.followedFrom[stream] == nil, !said.contains(where: { $0.wants(event.event) }) {
          faults.append("\(name): did not ask for \(stream) \(sequence)")
        }
      }
    }
    if isQuiet { for stream in streams { judgeOrder(session, stream) } }
    guard isOpen else { return }
    for (stream, place) in session.followedFrom {
      judgeWhole(session, stream, after: place) { !$0.type.hasPrefix("order:") }
    }
    for request in client.plan.requests { judge(request, session) }
  }

  /// Every event that a record shows.
  private static func shown(_ record: PlainClient.Record) -> [(String, Int64, Int)] {
    switch record {
    case .event(let stream, let sequence, _, let number, _): [(stream, sequence, number)]
    case .state(_, _, let events, _):
      events.compactMap {
        if case .event(let stream, let sequence, _, let number) = $0 { (stream, sequence, number) } else { nil }
      }
    default: []
    }
  }

  // MARK: One wish

  private mutating func judge(_ request: PlainClient.Request, _ session: PlainClient.Session) {
    let name = session.id.text
    var attempts = 0
    // Of another wish of the stream, which this one may be a part of.
    var said: [PlainClient.Request: Int] = [:]
    var states: [Int64] = []
    var last: Int64?
    var isStateLate = false
    for record in session.records {
      if case .said(let one) = record, one.stream == request.stream { said[one, default: 0] += 1 }
      switch record {
      case .said(request): attempts += 1
      case .state(request.stream, let through, _, let isLate) where attempts > 0 && last == nil:
        if isLate { isStateLate = true } else { states.append(through) }
      case .acknowledged(request, let newest): last = last ?? newest
      default: break
      }
    }
    guard let last else { return faults.append("\(name): \(request) was never acknowledged") }
    let log = logs[request.stream] ?? []
    let base = states.min() ?? last
    judgeWhole(session, request.stream, after: base, request.wants)
    if !mayHaveTwoSenders { judgeNewest(session, request, log) }
    // What is said, or worked on, again after a failure is acknowledged without a state.
    guard states.isEmpty, said.values.allSatisfy({ $0 == 1 }), !repeatsInvocations, !session.isTakenForGone,
      !isStateLate
    else { return }
    let isSomethingTold = log.contains { $0.sequence <= last && $0.event.key != nil && request.wants($0.event) }
    let isShown = session.records.contains { Self.shown($0).contains { $0.0 == request.stream } }
    if isSomethingTold, !isShown { faults.append("\(name): no state of \(request)") }
  }

  /// Each event after a place, or a later one that stands for it.
  private mutating func judgeWhole(
    _ session: PlainClient.Session, _ stream: String, after base: Int64, _ wants: (Event) -> Bool
  ) {
    let log = logs[stream] ?? []
    var covered: Set<Int64> = []
    for case .event(stream, let sequence, let folded, _, false) in session.records
    where 1...max(1, log.count) ~= Int(sequence) {
      covered.insert(sequence)
      var left = folded
      let event = log[Int(sequence) - 1].event
      for earlier in log[..<(Int(sequence) - 1)].reversed() where left > 0 && Verdict.stands(event, for: earlier.event)
      {
        covered.insert(earlier.sequence)
        left -= 1
      }
    }
    for event in log where event.sequence > base && wants(event.event) && !covered.contains(event.sequence) {
      faults.append("\(session.id.text): never got \(stream) \(event.sequence), after \(base)")
    }
  }

  /// The last that is shown of a key is the newest.
  private mutating func judgeNewest(
    _ session: PlainClient.Session, _ request: PlainClient.Request, _ log: [LoggedEvent]
  ) {
    var newest: [String: Int64] = [:]
    for event in log where request.wants(event.event) {
      if let key = event.event.key { newest[key] = event.sequence }
    }
    var last: [String: Int64] = [:]
    for record in session.records {
      switch record {
      case .event(_, _, _, _, true), .state(_, _, _, true): continue
      default: break
      }
      for (stream, sequence, _) in Self.shown(record) where stream == request.stream && 1...log.count ~= Int(sequence) {
        if let key = log[Int(sequence) - 1].event.key { last[key] = sequence }
      }
    }
    for (key, sequence) in last where newest[key].map({ $0 != sequence }) ?? false {
      faults.append("\(session.id.text): the last of \(request.stream) \(key) is \(sequence), not \(newest[key] ?? 0)")
    }
  }

  // MARK: Without faults

  /// A wish that is said again before its first was answered is answered twice, and crossing answers wait for nobody: the
  /// older state may come last. What it does not hold comes again after it, which `judgeWhole` and `judgeNewest` see to.
  private mutating func judgeOrder(_ session: PlainClient.Session, _ stream: String) {
    let said = session.records.count { if case .said(let request) = $0 { request.stream == stream } else { false } }
    guard said <= 1 else { return }
    var position: Int64?
    var isFirst = true
    var isInState = false
    for record in session.records {
      switch record {
      case .state(stream, let through, _, _):
        // One that does not fit a frame comes in several.
        if !isFirst, !isInState || position != through {
          faults.append("\(session.id.text): a state of \(stream) after its events")
        }
        position = through
        isFirst = false
        isInState = true
      case .event(stream, let sequence, _, _, _):
        if let position, sequence <= position {
          faults.append("\(session.id.text): \(stream) \(sequence) after \(position)")
        }
        position = sequence
        isFirst = false
        isInState = false
      default: break
      }
    }
  }
}
