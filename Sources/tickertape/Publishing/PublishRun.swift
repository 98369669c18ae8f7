import JSON

/// Events going to the Publisher, batch after batch, and what came of them.
struct PublishRun {
  /// More rejected events than this are counted but not listed.
  static let maximumListed = 20

  let api: InvokeAPI
  let terminal: Terminal
  let asJSON: Bool
  private(set) var totals = PublishTotals()
  private var listed = 0

  init(api: InvokeAPI, terminal: Terminal, asJSON: Bool) {
    self.api = api
    self.terminal = terminal
    self.asJSON = asJSON
  }

  mutating func send(_ event: [UInt8]) throws(CommandFailure) {
    var batch = EventBatch()
    batch.append(event, line: 1)
    try send(batch) { $1.reason }
  }

  /// Every line is an event. What has come is sent as soon as nothing more is waiting: a slow pipe is not held up.
  mutating func sendLines(of source: ByteSource, batchSize: Int) throws(CommandFailure) {
    var reader = LineReader(source)
    var batch = EventBatch()
    while let line = try reader.next() {
      if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
      if !isEvent(line, number: reader.number) { continue }
      if !batch.hasRoom(for: line) { try flush(&batch) }
      batch.append(line, line: reader.number)
      if batch.count >= batchSize || !reader.hasMore { try flush(&batch) }
    }
    try flush(&batch)
  }

  func conclude() throws(CommandFailure) {
    if !asJSON { try terminal.line(totals.sentence) }
  }

  private mutating func flush(_ batch: inout EventBatch) throws(CommandFailure) {
    guard !batch.isEmpty else { return }
    try send(batch) { $0.sentence(for: $1) }
    batch.removeAll()
  }

  private mutating func send(
    _ batch: EventBatch, naming name: (EventBatch, PublisherAnswer.Rejection) -> String
  ) throws(CommandFailure) {
    let bytes = try api.invoke(batch.payload)
    if asJSON { try terminal.line(bytes) }
    let answer = try PublisherAnswer(bytes)
    totals.add(answer)
    for rejection in answer.rejections { list(name(batch, rejection)) }
  }

  /// Whether the line is a JSON object; if not, that is said and counted.
  private mutating func isEvent(_ line: [UInt8], number: Int) -> Bool {
    do {
      try JSONReader.validate(line)
      var reader = JSONReader(line)
      try reader.beginObject()
      return true
    } catch {
      totals.addRejection()
      list("line \(number): \(error)")
      return false
    }
  }

  private mutating func list(_ reason: String) {
    listed += 1
    if listed <= Self.maximumListed {
      terminal.note("\(terminal.paint("rejected", .red)): \(Terminal.harmless(reason))")
    } else if listed == Self.maximumListed + 1 {
      terminal.note("further rejected events are only counted")
    }
  }
}
