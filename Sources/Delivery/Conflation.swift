import Frames
package import Messaging

/// Conflation: of each key of a type only the newest event of a round is sent, and says how many it stands for.
///
/// For example: a round has 7 (AAPL), 8 (MSFT) and 9 (AAPL). 8 and 9 are sent, and 9 says `"folded":1`, for it stands for 7
/// too. All three stay in the log. An event without a key stands for itself, and so does one of high priority.
/// `Docs/decisions/0005-rounds-checkpoints-and-active-streams.md`, `Docs/delivery.md`.
package enum Conflation {
  /// The indices of the events that are sent, ascending, each with the number of earlier events it stands for.
  ///
  /// No event stands for another across the border of two groups, and what is left of a group fits `groupBytes` (a
  /// single event may be larger). A client that got the frames of some groups and not the others lacks nothing of those
  /// it got.
  package static func conflate(
    _ events: [Event], groupBytes: Int = FramePacking.groupBytes, isNeverConflated: (Event) -> Bool
  ) -> [ConflatedEvent] {
    if events.count < 2 { return events.indices.map { ConflatedEvent(index: $0, count: 0) } }
    var kept: [ConflatedEvent?] = []
    kept.reserveCapacity(events.count)
    var newest: [Key: Int] = [:]
    var group = 0
    var bytes = 0
    for (index, event) in events.enumerated() {
      let size = FramePacking.bound(of: event)
      let eventKey = event.key.flatMap { isNeverConflated(event) ? nil : Key(type: event.type, key: $0) }
      var earlierIndex = eventKey.flatMap { newest[$0] }
      let replaced = earlierIndex.flatMap { kept[$0] }.map { FramePacking.bound(of: events[$0.index]) } ?? 0
      if bytes + size - replaced > groupBytes, bytes > 0 {
        group += 1
        bytes = 0
        newest.removeAll(keepingCapacity: true)
        earlierIndex = nil
      }
      var one = ConflatedEvent(index: index, count: 0, group: group)
      if let earlierIndex, let earlier = kept[earlierIndex] {
        one.count = earlier.count + 1
        one.first = earlier.first
        kept[earlierIndex] = nil
        bytes -= replaced
      }
      bytes += size
      if let eventKey { newest[eventKey] = kept.count }
      kept.append(one)
    }
    return kept.compactMap { $0 }
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
package struct ConflatedEvent: Equatable, Sendable {
  /// Among the events of the round.
  package let index: Int
  /// How many earlier events of its key it stands for.
  package fileprivate(set) var count: Int
  /// The oldest of these, or itself.
  package fileprivate(set) var first: Int
  /// Frames begin where a group begins.
  package let group: Int

  package init(index: Int, count: Int, first: Int? = nil, group: Int = 0) {
    self.index = index
    self.count = count
    self.first = first ?? index
    self.group = group
  }
}
