package import Messaging

/// Conflation: of each key of a type only the newest event of a round is sent, and says how many it stands for.
///
/// All of them stay in the log. An event without a key stands for itself, and so does one of high priority.
package enum Folding {
  /// The places of the events that are sent, in order, each with the number of earlier events it stands for.
  package static func fold(_ events: [Event], isNeverFolded: (Event) -> Bool) -> [Folded] {
    if events.count < 2 { return events.indices.map { Folded(place: $0, count: 0) } }
    var kept: [Folded] = []
    kept.reserveCapacity(events.count)
    var newest: [Key: Int] = [:]
    for place in events.indices.reversed() {
      guard let key = events[place].key, !isNeverFolded(events[place]) else {
        kept.append(Folded(place: place, count: 0))
        continue
      }
      let mark = Key(type: events[place].type, key: key)
      if let standing = newest[mark] {
        kept[standing].count += 1
        kept[standing].first = place
      } else {
        newest[mark] = kept.count
        kept.append(Folded(place: place, count: 0))
      }
    }
    return kept.reversed()
  }

  /// Bytes, since two keys that Swift takes for equal strings may be two keys.
  private struct Key: Hashable {
    let type: String
    let key: String

    static func == (left: Key, right: Key) -> Bool {
      left.key.hasSameBytes(as: right.key) && left.type.hasSameBytes(as: right.type)
    }

    func hash(into hasher: inout Hasher) {
      for byte in key.utf8 { hasher.combine(byte) }
    }
  }
}

/// An event that is sent.
package struct Folded: Equatable, Sendable {
  /// Among the events of the round.
  package let place: Int
  /// How many earlier events of its key it stands for.
  package fileprivate(set) var count: Int
  /// The oldest of these, or itself.
  package fileprivate(set) var first: Int

  package init(place: Int, count: Int, first: Int? = nil) {
    self.place = place
    self.count = count
    self.first = first ?? place
  }
}
