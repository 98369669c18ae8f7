import JSON
import Telemetry

/// Records going out as events at a pace, and what came of them.
struct Feed {
  private let api: InvokeAPI
  private let context: CommandContext
  /// Ctrl-C, also while the records are being opened.
  let signal: TerminationSignal
  private let batchSize: Int
  private let limit: Int?
  private let started: Int64
  private var pace: Pace
  private var progress: FeedProgress
  private var batch = LineBatch()
  private var sent = 0
  private var listed = 0

  private(set) var totals = PublishTotals()
  private(set) var wasInterrupted = false
  /// Whether the file at hand has a record: one without would be begun again and again, without a pause.
  private(set) var readAny = false

  init(
    api: InvokeAPI, context: CommandContext, signal: TerminationSignal, pace: Pace, batchSize: Int,
    limit: Int?,
    showsProgress: Bool
  ) {
    self.api = api
    self.context = context
    self.signal = signal
    self.pace = pace
    self.batchSize = batchSize
    self.limit = limit
    started = context.clock.monotonicMilliseconds()
    progress = FeedProgress(terminal: context.terminal, isShown: showsProgress, now: started)
  }

  /// The limit is reached, or the user pressed Ctrl-C.
  var isOver: Bool { wasInterrupted || limit.map { sent >= $0 } ?? false }

  /// Sends all records that are left, batch by batch.
  mutating func run(through reader: inout CSVReader, shape: EventShape) throws(CommandFailure) {
    readAny = false
    while !isOver {
      let record = try recordOrFlush(from: &reader)
      if let record {
        readAny = true
        batch.append(shape.event(from: record), line: reader.line)
      }
      if batch.count >= batchSize || record == nil || sent + batch.count == limit {
        try flush(fraction: fraction(of: reader))
      }
      if record == nil { return }
    }
  }

  func conclude(asJSON: Bool) throws(CommandFailure) {
    try progress.erase()
    let elapsed = context.clock.monotonicMilliseconds() - started
    if asJSON {
      try context.terminal.json(summary(elapsedMilliseconds: elapsed))
    } else if sent > 0 {
      let pace = "in \(Figures.duration(milliseconds: elapsed)), \(Figures.rate(sent, milliseconds: elapsed)) a second"
      try context.terminal.line("fed \(Figures.count(sent, one: "event")) \(pace): \(totals.sentence)")
    }
  }

  /// A bad line ends the feed, but not before the good ones ahead of it are on their way.
  private mutating func recordOrFlush(from reader: inout CSVReader) throws(CommandFailure) -> [[UInt8]]? {
    do throws(CommandFailure) { return try reader.next() } catch {
      if error.code == .interrupted {
        wasInterrupted = true
        return nil
      }
      try flush(fraction: nil)
      throw error
    }
  }

  private mutating func flush(fraction: Double?) throws(CommandFailure) {
    guard !batch.isEmpty else { return }
    let delay = pace.delayMilliseconds(now: context.clock.monotonicMilliseconds())
    if signal.wait(milliseconds: delay) {
      wasInterrupted = true
      return
    }
    guard let answer = try send() else { return }
    pace.record(sent: batch.count)
    sent += batch.count
    totals.add(answer)
    try list(answer.rejections)
    batch.removeAll()
    let now = context.clock.monotonicMilliseconds()
    try progress.show(fraction: fraction, sent: sent, totals: totals, elapsedMilliseconds: now - started, now: now)
  }

  /// Nil: a Ctrl-C that the gateway got too, as from the terminal both run in, ended it under this request.
  private mutating func send() throws(CommandFailure) -> PublisherAnswer? {
    let failure: InvokeFailure
    do throws(InvokeFailure) {
      let bytes = try api.invoke(batch.payload)
      do throws(CommandFailure) { return try PublisherAnswer(bytes) } catch {
        failure = InvokeFailure(error, mayHaveRun: true)
      }
    } catch {
      failure = error
    }
    try progress.erase()
    if failure.mayHaveRun {
      context.terminal.note("the records of \(batch.text) were sent and not answered: may be published or not")
    }
    guard signal.hasCome else { throw failure.reason }
    wasInterrupted = true
    return nil
  }

  private mutating func list(_ rejections: [PublisherAnswer.Rejection]) throws(CommandFailure) {
    for rejection in rejections where listed < PublishRun.maximumListed {
      listed += 1
      try progress.erase()
      context.terminal.note("rejected: \(batch.sentence(for: rejection))")
    }
  }

  private func fraction(of reader: CSVReader) -> Double? {
    limit.map { Double(sent + batch.count) / Double($0) } ?? reader.fraction
  }

  private func summary(elapsedMilliseconds: Int64) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("events", sent)
      totals.write(to: &writer)
      writer.member("milliseconds", elapsedMilliseconds)
      writer.key("perSecond")
      writer.double((Double(sent) * 1000 / Double(max(1, elapsedMilliseconds)) * 100).rounded() / 100)
      writer.member("interrupted", wasInterrupted)
    }
    return writer.bytes
  }
}

/// The progress of a feed: a bar that redraws itself on a screen, else a line now and then.
struct FeedProgress {
  /// Between two redrawings, and between two lines where nothing can be redrawn.
  private static let redrawMilliseconds: Int64 = 100
  private static let lineMilliseconds: Int64 = 5_000
  /// To the beginning of the line, and everything on it away.
  private static let erasure: ScreenText = "\r\u{1B}[2K"

  private let terminal: Terminal
  private let isShown: Bool
  private var shown: Int64
  private var hasBar = false

  init(terminal: Terminal, isShown: Bool, now: Int64) {
    self.terminal = terminal
    self.isShown = isShown
    shown = now
  }

  mutating func show(
    fraction: Double?, sent: Int, totals: PublishTotals, elapsedMilliseconds: Int64, now: Int64
  ) throws(CommandFailure) {
    let interval = terminal.isInteractive ? Self.redrawMilliseconds : Self.lineMilliseconds
    guard isShown, now - shown >= interval else { return }
    shown = now
    let bar = ProgressBar(
      fraction: fraction,
      facts: [Figures.count(sent, one: "event"), "\(Figures.rate(sent, milliseconds: elapsedMilliseconds))/s"]
        + [Figures.count(totals.deliveries, one: "delivery", many: "deliveries")]
        + (totals.rejected > 0 ? ["\(Figures.grouped(totals.rejected)) rejected"] : []))
    guard terminal.isInteractive else { return try terminal.line(ScreenText(own: bar.text(columns: 200))) }
    try terminal.write(Self.erasure + ScreenText(own: bar.text(columns: terminal.columns)))
    hasBar = true
  }

  /// Clears the bar, so that a line can be written in its place.
  func erase() throws(CommandFailure) {
    if hasBar { try terminal.write(Self.erasure) }
  }
}
