import JSON
import Telemetry

/// Follows a fault plan: says at each occasion whether something goes wrong, logs and counts what did.
///
/// Whether it does is a pure function of the seed, the kind, who it happens to, and the how-manieth occasion this is
/// for them; so two runs in which the same things happen in the same order go wrong alike. A connection is called by
/// its place among those that were opened (`c1`, `c2` …), since its id is another one in each run.
final class Faults {
  let plan: FaultPlan
  private let chance: HashedChance
  private let clock: Clock
  private let log: Log
  private let start: Int64
  /// When it began, in milliseconds since the epoch.
  let startMilliseconds: Int64
  private var entries: [Entry]

  private struct Entry {
    let fault: Fault
    /// The kind, and where it stands in the plan several times, which of them: they decide independently.
    let keyword: String
    var occasions: [String: Int] = [:]
    var occasionCount = 0
    var chosen = 0
    var injected = 0
    /// Until when, on the monotonic clock, everything of one caller is throttled.
    var bursts: [String: Int64] = [:]
  }

  /// Something that is to go wrong.
  struct Decision {
    let fault: Fault
    let who: String
    /// The how-manieth occasion it was decided at, from 1.
    let number: Int
    fileprivate let index: Int
    fileprivate let keyword: String
  }

  init(_ plan: FaultPlan, clock: Clock, log: Log) {
    self.plan = plan
    self.clock = clock
    self.log = log
    chance = HashedChance(seed: plan.seed)
    start = clock.monotonicMilliseconds()
    startMilliseconds = clock.milliseconds()
    var seen: [Fault.Kind: Int] = [:]
    entries = plan.faults.map { fault in
      seen[fault.kind, default: 0] += 1
      let number = seen[fault.kind] ?? 1
      return Entry(fault: fault, keyword: number == 1 ? fault.kind.rawValue : "\(fault.kind.rawValue)#\(number)")
    }
  }

  // MARK: Deciding

  /// An occasion for faults of a kind; every fault of it that is meant counts the occasion, the first that is chosen is
  /// answered.
  func decide(
    _ kind: Fault.Kind, who: String, meaning isMeant: (Fault) -> Bool = { _ in true }
  ) -> Decision? {
    var decision: Decision?
    for index in entries.indices where entries[index].fault.kind == kind && isMeant(entries[index].fault) {
      let found = decide(index, who: who)
      decision = decision ?? found
    }
    return decision
  }

  private func decide(_ index: Int, who: String) -> Decision? {
    let fault = entries[index].fault
    let name = fault.kind == .throttled && fault.scope == .all ? "all" : who
    entries[index].occasions[name, default: 0] += 1
    entries[index].occasionCount += 1
    let number = entries[index].occasions[name] ?? 1
    let keyword = entries[index].keyword
    let isChosen = chance.share(keyword, who: name, number: number) < fault.rate
    guard isChosen && isInTime(fault) || isInBurst(index, who: name) else { return nil }
    guard entries[index].injected < fault.limit else { return nil }
    if isChosen && isInTime(fault) {
      entries[index].chosen += 1
      lengthenBurst(index, who: name)
    }
    return Decision(fault: fault, who: name, number: number, index: index, keyword: keyword)
  }

  private func isInTime(_ fault: Fault) -> Bool {
    let elapsed = clock.monotonicMilliseconds() - start
    return elapsed >= fault.from && elapsed < fault.until
  }

  private func isInBurst(_ index: Int, who: String) -> Bool {
    guard let end = entries[index].bursts[who] else { return false }
    return clock.monotonicMilliseconds() < end
  }

  private func lengthenBurst(_ index: Int, who: String) {
    let fault = entries[index].fault
    guard fault.kind == .throttled, fault.milliseconds > 0 else { return }
    entries[index].bursts[who] = clock.monotonicMilliseconds() + fault.milliseconds
  }

  /// How long after its occasion the fault begins.
  func delay(of decision: Decision) -> Int64 {
    chance.integer(
      through: decision.fault.within, kind: decision.keyword + "@", who: decision.who, number: decision.number)
  }

  // MARK: Injecting

  /// To be called when the fault is done; false if its limit was reached meanwhile, and it must not be done.
  func inject(_ decision: Decision, connectionID: String? = nil) -> Bool {
    guard entries[decision.index].injected < decision.fault.limit else { return false }
    entries[decision.index].injected += 1
    let fields: Log.Fields = [
      "kind": .text(decision.fault.kind.rawValue), "who": .text(decision.who), "n": .number(Int64(decision.number)),
    ]
    let log = connectionID.map { self.log.with(["connectionId": .text($0)]) } ?? self.log
    log.info("fault injected", fields)
    return true
  }

  /// A function's own line about a fault of its table.
  func countTableFault() {
    for index in entries.indices where entries[index].fault.kind == .tableThrottled { entries[index].injected += 1 }
  }

  // MARK: Telling

  /// `{"seed":7,"milliseconds":12000,"faults":[{"kind":"gone","rate":0.01,"occasions":812,"chosen":9,"injected":9}]}`
  var report: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("seed", plan.seed)
      writer.member("milliseconds", clock.monotonicMilliseconds() - start)
      writer.key("faults")
      writer.array { writer in
        for entry in entries { Self.write(entry, to: &writer) }
      }
    }
    return writer.bytes
  }

  private static func write(_ entry: Entry, to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("kind", entry.fault.kind.rawValue)
      writer.key("rate")
      writer.double(entry.fault.rate)
      // What a function's table was asked only the function knows.
      if entry.fault.kind != .tableThrottled {
        writer.member("occasions", entry.occasionCount)
        writer.member("chosen", entry.chosen)
      }
      writer.member("injected", entry.injected)
    }
  }
}
