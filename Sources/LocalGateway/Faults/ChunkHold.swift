/// What a front keeps back of a stream, as some users of function URLs report of theirs. A write is what the function
/// wrote at once.
struct ChunkHold {
  enum Rule {
    /// The first write waits for the second.
    case first
    /// Each write waits for the next.
    case late
    /// Whatever is written waits until there is enough of it.
    case small
  }

  private let rule: Rule
  /// So many bytes go out at once.
  private let bytes: Int
  private var held: [UInt8] = []
  /// The write at hand, of which more is to come.
  private var writeBytes = 0
  private var hasPassed = false

  init(_ rule: Rule, bytes: Int) {
    self.rule = rule
    self.bytes = bytes
  }

  /// What goes out now.
  mutating func pass(_ more: [UInt8], endsChunk: Bool) -> [UInt8] {
    if rule == .first, hasPassed { return more }
    let isNewWrite = writeBytes == 0
    writeBytes += more.count
    defer { if endsChunk { writeBytes = 0 } }
    if (rule == .small ? held.count + more.count : writeBytes) >= bytes { return release() + more }
    if rule == .first, isNewWrite, !held.isEmpty { return release() + more }
    guard rule == .late, isNewWrite else {
      held += more
      return []
    }
    let earlier = release()
    held = more
    return earlier
  }

  /// All of it: the stream ends, or there is enough.
  mutating func release() -> [UInt8] {
    hasPassed = true
    defer { held = [] }
    return held
  }
}

extension Faults {
  /// How the front keeps back what a stream of the function brings, if it does.
  func hold(of function: String) -> ChunkHold? {
    let rules: [(Fault.Kind, ChunkHold.Rule)] = [
      (.firstChunkHeld, .first), (.chunkLate, .late), (.chunksHeld, .small),
    ]
    var found: (decision: Decision, rule: ChunkHold.Rule)?
    for (kind, rule) in rules {
      let decision = decide(kind, who: function) { $0.isMeant(for: function) }
      if found == nil, let decision { found = (decision, rule) }
    }
    guard let found, inject(found.decision) else { return nil }
    return ChunkHold(found.rule, bytes: found.decision.fault.bytes)
  }

  /// How long an answer without a byte of a body is left open at its end, if that is to go wrong.
  func emptyBodyHeld(of function: String) -> Int64? {
    guard let found = decide(.emptyBodyHeld, who: function, meaning: { $0.isMeant(for: function) }), inject(found)
    else {
      return nil
    }
    return found.fault.milliseconds
  }

  /// Cuts the client's connection in the middle of a stream, some time from now, if that is to go wrong.
  func prepareCut(
    of function: String, on loop: EventLoop, whileOpen isOpen: @escaping () -> Bool, cut: @escaping () -> Void
  ) {
    guard let decision = decide(.streamCut, who: function, meaning: { $0.isMeant(for: function) }) else { return }
    loop.schedule(afterMilliseconds: delay(of: decision)) {
      if isOpen(), self.inject(decision) { cut() }
    }
  }
}

extension Fault {
  fileprivate func isMeant(for function: String) -> Bool { self.function == nil || self.function == function }
}
