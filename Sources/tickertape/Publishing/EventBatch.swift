import JSON

/// Events on their way to the Publisher, each as the bytes of its JSON object, with the place it came from.
struct EventBatch {
  private(set) var events: [[UInt8]] = []
  /// Where each event stood: the number of its line, from 1.
  private(set) var lines: [Int] = []
  private var bytes = 0

  var isEmpty: Bool { events.isEmpty }
  var count: Int { events.count }

  /// Whether the event fits beside the others into one request.
  func hasRoom(for event: [UInt8]) -> Bool {
    isEmpty || bytes + event.count + 1 <= InvokeAPI.maximumPayloadBytes
  }

  mutating func append(_ event: [UInt8], line: Int) {
    events.append(event)
    lines.append(line)
    bytes += event.count + 1
  }

  mutating func removeAll() { self = EventBatch() }

  /// `{"events":[…]}`
  var payload: [UInt8] {
    var writer = JSONWriter(reservingBytes: bytes + 16)
    writer.object { writer in
      writer.key("events")
      writer.array { writer in
        for event in events { writer.raw(event) }
      }
    }
    return writer.bytes
  }

  /// `line 3: unknown type`
  func sentence(for rejection: PublisherAnswer.Rejection) -> String {
    guard let index = rejection.index, lines.indices.contains(index) else { return rejection.reason }
    return "line \(lines[index]): \(rejection.reason)"
  }
}
