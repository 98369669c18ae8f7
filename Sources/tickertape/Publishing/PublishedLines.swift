import JSON

/// Which lines of a file are answered for, which may be published, and which were not sent.
///
///     lines 1 to 40 are published but for those rejected (line 7)
///     lines 41 to 60 were sent and not answered: may be published or not
///     line 61 and what follows was not sent
struct PublishedLines: Equatable {
  /// In ascending order, since a batch's are added together.
  private(set) var rejected = LineRanges()
  private var rejectedSinceAnswer: [Int] = []
  private let first: Int
  private var lastRead: Int
  /// All up to this one are answered for.
  private var lastSettled: Int
  private var unknown: ClosedRange<Int>?
  private var hasEnded = false
  /// A batch was not answered.
  private(set) var isStopped = false

  /// The line where the rest begins.
  var resumption: Int { unknown?.lowerBound ?? lastSettled + 1 }

  init(from first: Int) {
    self.first = first
    lastRead = first - 1
    lastSettled = first - 1
  }

  mutating func read(_ line: Int) { lastRead = line }

  /// Refused before it was sent.
  mutating func reject(_ line: Int) { rejectedSinceAnswer.append(line) }

  /// Everything that was read is answered for; these were rejected, and those that were refused before.
  mutating func complete(rejected others: [Int]) {
    for line in (rejectedSinceAnswer + others).sorted() { rejected.append(line) }
    rejectedSinceAnswer = []
    lastSettled = lastRead
  }

  /// The batch of these lines has no answer, and nothing after it is sent.
  mutating func stop(at batch: [Int], mayHaveRun: Bool) {
    isStopped = true
    guard let first = batch.first, let last = batch.last else { return }
    // What was refused after the batch's lines is found again by the next run.
    for line in rejectedSinceAnswer.sorted() where line < last { rejected.append(line) }
    lastSettled = first - 1
    if mayHaveRun { unknown = first...last }
  }

  mutating func end() { hasEnded = true }

  // MARK: Words

  /// What is to be said of a run that did not come to its end.
  var sentences: [String] {
    guard !hasEnded else { return [] }
    var sentences: [String] = []
    if lastSettled >= first {
      let done = first...lastSettled
      let but = rejected.isEmpty ? "" : " but for those rejected (\(rejected.text))"
      sentences.append("\(Self.text(done)) \(done.count == 1 ? "is" : "are") published\(but)")
    }
    if let unknown {
      sentences.append(
        "\(Self.text(unknown)) \(unknown.count == 1 ? "was" : "were") sent and not answered: may be published or not")
    }
    let unsent = (unknown?.upperBound ?? lastSettled) + 1
    sentences.append("line \(unsent) and what follows was not sent")
    sentences.append("--resume-from \(resumption) goes on there\(unknown == nil ? "" : Self.caution)")
    return sentences
  }

  private static let caution =
    "; events with idempotency keys, their own or those of --run, are then published once, others perhaps twice"

  private static func text(_ range: ClosedRange<Int>) -> String {
    range.count == 1 ? "line \(range.lowerBound)" : "lines \(range.lowerBound) to \(range.upperBound)"
  }

  /// `"complete":false,"rejectedLines":[[7,7]],"unknownLines":[41,60],"notSentFrom":61,"resumeFrom":41`
  func write(to writer: inout JSONWriter) {
    writer.member("complete", hasEnded)
    writer.key("rejectedLines")
    writer.array { writer in for range in rejected.ranges { Self.write(range, to: &writer) } }
    if rejected.leftOut > 0 { writer.member("rejectedLinesLeftOut", rejected.leftOut) }
    guard !hasEnded else { return }
    if let unknown {
      writer.key("unknownLines")
      Self.write(unknown, to: &writer)
    }
    writer.member("notSentFrom", (unknown?.upperBound ?? lastSettled) + 1)
    writer.member("resumeFrom", resumption)
  }

  private static func write(_ range: ClosedRange<Int>, to writer: inout JSONWriter) {
    writer.array { writer in
      writer.integer(range.lowerBound)
      writer.integer(range.upperBound)
    }
  }
}
