package import Connections
package import Messaging

/// How many events wait for a user whose clients are all away, as the checkpoint of the user's stream counts them: no request
/// goes on it.
///
/// For example: with `PERSONAL_EVENTS` 100, ten positions that moved fifty times each and 90 orders are 100. One order more,
/// and the oldest of them is evicted: it will not be shown. That is told once; the count begins anew when a client of the user
/// was sent something.
package struct WaitingCount: Equatable, Sendable {
  /// Those of types that do not conflate, and those without a key.
  var events: Int64 = 0
  /// The keys of the others, hashed.
  var keys: Set<UInt64> = []

  /// More keys are counted as events: the row stays small.
  private static let mostKeys = 1_000

  package init() {}

  /// Counts what was sent to nobody. True: of these the first had to be evicted.
  package mutating func add(_ events: some Sequence<Event>, types: EventTypeTable, limit: Int64) -> Bool {
    let before = count
    guard before <= limit else { return false }
    for event in events { add(event, types: types) }
    guard count > limit else { return false }
    // What more there is needs no counting.
    (self.events, keys) = (limit + 1, [])
    return true
  }

  var count: Int64 { events + Int64(keys.count) }

  private mutating func add(_ event: Event, types: EventTypeTable) {
    guard let key = event.key, types.conflates(event.type), keys.count < Self.mostKeys else {
      events += 1
      return
    }
    keys.insert(Self.hash(event.type, key))
  }

  /// FNV-1a; two keys of one hash count once.
  private static func hash(_ type: String, _ key: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in type.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    hash = hash &* 0x100_0000_01b3
    for byte in key.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }
}

// As the checkpoint's row keeps it.
extension WaitingCount {
  /// Eight bytes a key, ascending: the same count is the same bytes.
  var encodedKeys: [UInt8] {
    keys.sorted().flatMap { key in (0..<8).map { UInt8(truncatingIfNeeded: key >> (56 - 8 * UInt64($0))) } }
  }

  init(events: Int64, encodedKeys bytes: [UInt8]) {
    self.events = events
    for start in stride(from: 0, to: bytes.count - bytes.count % 8, by: 8) {
      keys.insert(bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) })
    }
  }
}
