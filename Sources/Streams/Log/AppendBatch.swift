import Crypto
import Messaging

/// The events of one call of `append`, and what became of each.
struct AppendBatch {
  /// An event that stands for itself.
  struct Entry {
    let place: Int
    let event: Event
    let claim: Claim?
  }

  struct Claim {
    let key: String
    /// Of what the publisher said; what was given to the event on its way is not part of it.
    let digest: [UInt8]
  }

  private var entries: ArraySlice<Entry> = []
  /// Events with the idempotency key of an earlier one of the same batch, and that one's place.
  private var repeated: [(place: Int, first: Int)] = []
  private var outcomes: [AppendOutcome?]

  /// Of several events with one idempotency key the first one stands; another event under that key is refused.
  init(_ events: [Event]) {
    outcomes = Array(repeating: nil, count: events.count)
    var first: [[UInt8]: (place: Int, digest: [UInt8])] = [:]
    for (place, event) in events.enumerated() {
      guard let key = event.idempotencyKey else {
        entries.append(Entry(place: place, event: event, claim: nil))
        continue
      }
      let claim = Claim(key: key, digest: Self.digest(of: event))
      if let standing = first[Array(key.utf8)] {
        if standing.digest == claim.digest {
          repeated.append((place, standing.place))
        } else {
          outcomes[place] = .refused(Self.refusal(key, "another event of this batch"))
        }
      } else {
        first[Array(key.utf8)] = (place, claim.digest)
        entries.append(Entry(place: place, event: event, claim: claim))
      }
    }
  }

  /// What is appended in one transaction next; empty after the last.
  mutating func nextPart() -> [Entry] {
    var bytes = 0
    var claims = 0
    let part = entries.prefix { entry in
      bytes += EventBlock.bound(of: entry.event)
      claims += entry.claim == nil ? 0 : 1
      return bytes <= StreamLog.segmentBytes && claims <= StreamLog.claimsPerAppend
    }
    // One event is always within the bounds of a segment.
    let taken = part.prefix(StreamLog.segmentEvents)
    entries = entries.dropFirst(taken.count)
    return Array(taken)
  }

  mutating func record(_ entry: Entry, _ outcome: AppendOutcome) { outcomes[entry.place] = outcome }

  /// What became of each, in the order given.
  func finished() -> [AppendOutcome] {
    var outcomes = outcomes
    for (place, first) in repeated {
      switch outcomes[first] {
      case .appended(let sequence): outcomes[place] = .known(sequence: sequence)
      default: outcomes[place] = outcomes[first]
      }
    }
    return outcomes.compactMap { $0 }
  }

  static func refusal(_ key: String, _ holder: String) -> EventRefusal {
    EventRefusal(.keyTaken, "the idempotency key \"\(key.prefix(64))\" belongs to \(holder) with other content")
  }

  /// 16 bytes of SHA-256 over what makes an event the same one. Not its time: a publisher that gives none gets another
  /// each time.
  private static func digest(of event: Event) -> [UInt8] {
    var writer = FieldWriter(reservingBytes: event.data.count + 256)
    writer.text(event.type)
    writer.text(event.key.map { "k\($0)" } ?? "")
    writer.text(event.priority?.rawValue ?? "")
    writer.text(event.correlationID.map { "c\($0)" } ?? "")
    writer.field(event.data)
    return Array(SHA256.hash(writer.bytes).bytes.prefix(16))
  }
}
