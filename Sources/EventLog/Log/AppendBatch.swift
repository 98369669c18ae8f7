import Messaging

/// The events of one call of `append`, and what became of each.
struct AppendBatch {
  /// An event that stands for itself.
  struct Entry {
    let index: Int
    let event: Event
    let claim: EventClaim?
  }

  private var entries: ArraySlice<Entry> = []
  /// Events with the idempotency key of an earlier one of the same batch, and that one's place.
  private var repeated: [(index: Int, first: Int)] = []
  private var outcomes: [AppendOutcome?]
  private let isStateful: (Event) -> Bool

  /// Of several events with one idempotency key the first one stands; another event under that key is refused. Under a
  /// key that was made for a message it is an event of its own.
  /// `refusal`: why an event is not taken at all; `isStateful`: whether one changes a state.
  init(
    _ events: [Event], refusal: (Event) -> EventRefusal? = { _ in nil },
    isStateful: @escaping (Event) -> Bool = { _ in false }
  ) {
    self.isStateful = isStateful
    outcomes = Array(repeating: nil, count: events.count)
    var first: [[UInt8]: (index: Int, digest: [UInt8])] = [:]
    for (index, event) in events.enumerated() {
      if let refusal = refusal(event) {
        outcomes[index] = .refused(refusal)
        continue
      }
      let entry = Entry(index: index, event: event, claim: EventClaim(of: event))
      guard let claim = entry.claim, let earlier = first[Array(claim.name.utf8)] else {
        if let claim = entry.claim { first[Array(claim.name.utf8)] = (index, claim.digest) }
        entries.append(entry)
        continue
      }
      if earlier.digest == claim.digest {
        repeated.append((index, earlier.index))
      } else if claim.beside != nil {
        entries.append(entry)
      } else {
        outcomes[index] = .refused(claim.refusal(holder: "another event of this batch"))
      }
    }
  }

  /// What is appended in one transaction next; empty after the last. A claim stands in it once: whether a second one is
  /// of the same event is known when the first is done.
  mutating func nextPart() -> [Entry] {
    var bytes = 0
    var states = 0
    var claims: Set<[UInt8]> = []
    let part = entries.prefix { entry in
      bytes += EventBlock.bound(of: entry.event)
      let isNew = entry.claim.map { claims.insert(Array($0.name.utf8)).inserted } ?? true
      states += isStateful(entry.event) ? 1 : 0
      let writes = claims.count + states * StateRules.writesPerEvent
      return isNew && bytes <= StreamLog.segmentBytes && states <= StateRules.eventsPerAppend
        && writes <= StreamLog.claimsPerAppend
    }
    // One event is always within the bounds of a segment.
    let taken = part.prefix(StreamLog.segmentEvents)
    entries = entries.dropFirst(taken.count)
    return Array(taken)
  }

  mutating func record(_ entry: Entry, outcome: AppendOutcome) { outcomes[entry.index] = outcome }

  /// What became of each, in the order given.
  func finished() -> [AppendOutcome] {
    var outcomes = outcomes
    for (index, first) in repeated {
      switch outcomes[first] {
      case .appended(let sequence), .appendedDespiteKey(let sequence): outcomes[index] = .known(sequence: sequence)
      default: outcomes[index] = outcomes[first]
      }
    }
    return outcomes.compactMap { $0 }
  }
}
