import Frames
package import Messaging

/// Conflation: of each key of a type only the newest event of a round is sent, and says how many it stands for.
///
/// All of them stay in the log. An event without a key stands for itself, and so does one of high priority.
package enum Conflation {
  /// The places of the events that are sent, in order, each with the number of earlier events it stands for.
  ///
  /// No event stands for another across the border of two groups, and what is left of a group fits `groupBytes` (a
  /// single event may be larger). A client that got the frames of some groups and not the others lacks nothing of those
  /// it got.
  package static func fold(
    _ events: [Event], groupBytes: Int = FramePacking.groupBytes, isNeverFolded: (Event) -> Bool
  ) -> [Folded] {
    if events.count < 2 { return events.indices.map { Folded(place: $0, count: 0) } }
    var kept: [Folded?] = []
    kept.reserveCapacity(events.count)
    var newest: [Key: Int] = [:]
    var group = 0
    var bytes = 0
    for (place, event) in events.enumerated() {
      let size = FramePacking.bound(of: event)
      let mark = event.key.flatMap { isNeverFolded(event) ? nil : Key(type: event.type, key: $0) }
      var standing = mark.flatMap { newest[$0] }
      let replaced = standing.flatMap { kept[$0] }.map { FramePacking.bound(of: events[$0.place]) } ?? 0
      if bytes + size - replaced > groupBytes, bytes > 0 {
        group += 1
        bytes = 0
        newest.removeAll(keepingCapacity: true)
        standing = nil
      }
      var one = Folded(place: place, count: 0, group: group)
      if let standing, let earlier = kept[standing] {
        one.count = earlier.count + 1
        one.first = earlier.first
        kept[standing] = nil
        bytes -= replaced
      }
      bytes += size
      if let mark { newest[mark] = kept.count }
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
package struct Folded: Equatable, Sendable {
  /// Among the events of the round.
  package let place: Int
  /// How many earlier events of its key it stands for.
  package fileprivate(set) var count: Int
  /// The oldest of these, or itself.
  package fileprivate(set) var first: Int
  /// Frames begin where a group begins.
  package let group: Int

  package init(place: Int, count: Int, first: Int? = nil, group: Int = 0) {
    self.place = place
    self.count = count
    self.first = first ?? place
    self.group = group
  }
}
