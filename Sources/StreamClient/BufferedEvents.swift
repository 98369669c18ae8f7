/// Live events that came while a hello waits for its `ready`.
struct BufferedEvents {
  struct Event {
    let stream: [UInt8]
    let sequence: Int64
    let bytes: [UInt8]
  }

  private var events: [Event] = []
  private var bytes = 0

  /// False, and nothing is held any more, if that would be too much.
  mutating func append(_ event: Event, maximumEvents: Int, maximumBytes: Int) -> Bool {
    bytes += event.bytes.count
    guard events.count < maximumEvents, bytes <= maximumBytes else {
      self = BufferedEvents()
      return false
    }
    events.append(event)
    return true
  }

  /// In the order of streams, by their bytes, and of events within each.
  mutating func release() -> [Event] {
    defer { self = BufferedEvents() }
    return events.sorted { left, right in
      left.stream == right.stream
        ? left.sequence < right.sequence : left.stream.lexicographicallyPrecedes(right.stream)
    }
  }
}
