import JSON
import Messaging

/// Events going to the Publisher, batch after batch, and what came of them.
struct PublishRun {
  /// More rejected events than this are not told one by one.
  static let maximumListed = 20

  let api: InvokeAPI
  let terminal: Terminal
  let asJSON: Bool
  private let signal: TerminationSignal
  private(set) var totals = PublishTotals()
  private(set) var lines = PublishedLines(from: 1)
  private var listed = 0

  init(api: InvokeAPI, terminal: Terminal, asJSON: Bool, until signal: TerminationSignal = .never) {
    self.api = api
    self.terminal = terminal
    self.asJSON = asJSON
    self.signal = signal
  }

  /// One event, which has no line.
  mutating func send(_ event: [UInt8]) throws(CommandFailure) {
    var batch = LineBatch()
    batch.append(event, line: 1)
    let answer: Answer
    do throws(InvokeFailure) { answer = try self.answer(to: batch) } catch {
      var reason = error.reason
      if error.mayHaveRun, !error.hasPublishedNothing {
        reason.advice.append(
          "the event may be published all the same; with --idempotency-key it can be sent again and is published once")
      }
      throw reason
    }
    for rejection in answer.content.rejections { report(rejection.reason) }
    guard asJSON else { return }
    do throws(CommandFailure) { try terminal.json(answer.bytes) } catch {
      terminal.note("\(totals.sentence)")
      throw error
    }
  }

  /// Every line is an event. What has come is sent as soon as nothing more is waiting: a slow pipe is not held up.
  mutating func sendLines(of source: ByteSource, options: LineOptions) throws(CommandFailure) {
    source.signal = signal
    lines = PublishedLines(from: options.first)
    var reader = LineReader(source)
    var batch = LineBatch()
    do throws(CommandFailure) {
      while let line = try reader.next() {
        guard reader.number >= options.first else { continue }
        lines.read(reader.number)
        guard let event = event(in: line, number: reader.number, options: options) else { continue }
        if !batch.hasRoom(for: event) { try flush(&batch) }
        batch.append(event, line: reader.number)
        if batch.count >= options.batchSize || !reader.hasMore { try flush(&batch) }
      }
    } catch {
      // What was read before the source broke goes out; after a signal nothing does.
      if error.code == .inputOutput, !lines.isStopped { try flush(&batch) }
      throw error
    }
    try flush(&batch)
    lines.end()
    // The line after the last is where a run that published all of them would go on.
    if options.first > reader.number + 1 {
      throw CommandFailure(
        code: .usage,
        message: "\(source.name) ends with line \(Figures.grouped(reader.number)), before line "
          + "\(Figures.grouped(options.first)), which --resume-from names; nothing was sent")
    }
  }

  /// What came of all, whether or not it came to its end; to standard error where standard output takes nothing.
  func conclude(isLines: Bool) throws(CommandFailure) {
    do throws(CommandFailure) { try summarize(isLines: isLines) } catch {
      terminal.note("\(totals.sentence)")
      throw error
    }
  }

  private func summarize(isLines: Bool) throws(CommandFailure) {
    if isLines {
      if listed > Self.maximumListed { terminal.note("rejected in all: \(lines.rejected.text)") }
      for sentence in lines.sentences { terminal.note("\(sentence)") }
    }
    if !asJSON { return try terminal.line("\(totals.sentence)") }
    guard isLines else { return }
    var writer = JSONWriter()
    writer.object { writer in
      writer.key("summary")
      writer.object { writer in
        totals.write(to: &writer)
        lines.write(to: &writer)
      }
    }
    try terminal.json(writer.bytes)
  }

  // MARK: Batches

  private mutating func flush(_ batch: inout LineBatch) throws(CommandFailure) {
    guard !batch.isEmpty else { return lines.complete(rejected: []) }
    guard !signal.hasCome else { throw CommandFailure(code: .interrupted, message: "") }
    let answer: Answer
    do throws(InvokeFailure) { answer = try self.answer(to: batch) } catch {
      lines.stop(at: batch.lines, mayHaveRun: error.mayHaveRun)
      throw signal.hasCome ? CommandFailure(code: .interrupted, message: "") : error.reason
    }
    lines.complete(rejected: answer.content.rejections.compactMap(batch.line))
    for rejection in answer.content.rejections { report(batch.sentence(for: rejection)) }
    // It is answered for: whatever happens from here on, it is not sent again.
    batch.removeAll()
    if asJSON { try terminal.json(answer.bytes) }
  }

  private struct Answer {
    let content: PublisherAnswer
    let bytes: [UInt8]
  }

  private mutating func answer(to batch: LineBatch) throws(InvokeFailure) -> Answer {
    let bytes = try api.invoke(batch.payload)
    do throws(CommandFailure) {
      let content = try PublisherAnswer(bytes)
      totals.add(content)
      return Answer(content: content, bytes: bytes)
    } catch {
      throw InvokeFailure(error, mayHaveRun: true)
    }
  }

  // MARK: Lines

  /// Nil for a blank line, and for one that is no event, which is told and counted.
  private mutating func event(in line: LineReader.Line, number: Int, options: LineOptions) -> [UInt8]? {
    guard case .bytes(let bytes) = line else {
      reject(number, reason: "longer than \(Figures.grouped(LineReader.maximumBytes)) bytes")
      return nil
    }
    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return nil }
    do throws(JSONError) {
      // One event too deep would have the whole batch refused as no JSON.
      try JSONReader.validate(bytes, maximumDepth: Limit.eventDepth)
      return try options.keyed(bytes, line: number)
    } catch {
      reject(number, reason: "\(error)")
      return nil
    }
  }

  private mutating func reject(_ line: Int, reason: String) {
    totals.addRejection()
    lines.reject(line)
    report("line \(line): \(reason)")
  }

  private mutating func report(_ reason: String) {
    listed += 1
    if listed <= Self.maximumListed {
      terminal.note("\(terminal.paint("rejected", colour: .red)): \(reason)")
    } else if listed == Self.maximumListed + 1 {
      terminal.note("further rejected events are told by their lines at the end")
    }
  }
}

/// How the lines of a file become events.
struct LineOptions: Equatable {
  var batchSize = 100
  /// Lines before this one are passed over.
  var first = 1
  /// Events without an idempotency key get one of this word and their line.
  var run: String?

  /// The event, with its key where it is to have one.
  func keyed(_ event: [UInt8], line: Int) throws(JSONError) -> [UInt8] {
    var reader = JSONReader(event)
    try reader.beginObject()
    guard let run, JSONMembers(event)?["idempotencyKey"] == nil,
      let brace = event.firstIndex(of: UInt8(ascii: "{"))
    else { return event }
    var writer = JSONWriter()
    writer.object { $0.member("idempotencyKey", "\(run)#\(line)") }
    let isEmpty = try reader.nextKey() == nil
    let member = writer.bytes.dropLast() + (isEmpty ? [] : [UInt8(ascii: ",")])
    return Array(event[..<brace] + member + event[(brace + 1)...])
  }
}
