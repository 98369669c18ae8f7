import JSON

/// Events on their way to the Publisher, each as the bytes of its JSON object, with the place it came from.
struct LineBatch {
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

  mutating func removeAll() { self = LineBatch() }

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

  /// `lines 41 to 60`
  var text: String {
    guard let first = lines.first, let last = lines.last else { return "no line" }
    return LineRanges(first...last).text
  }

  /// Where the rejected event stood, if the answer says which it was.
  func line(of rejection: PublisherAnswer.Rejection) -> Int? {
    rejection.index.flatMap { lines.indices.contains($0) ? lines[$0] : nil }
  }

  /// `line 3: unknown type`
  func sentence(for rejection: PublisherAnswer.Rejection) -> String {
    line(of: rejection).map { "line \($0): \(rejection.reason)" } ?? rejection.reason
  }
}
