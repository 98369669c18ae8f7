import Telemetry

/// `tickertape feed`: the records of CSV files as events, at a rate.
struct FeedCommand: Command {
  private static let maximumFiles = 1000

  static let syntax = CommandSyntax(
    name: "feed", summary: "Feed the records of CSV files as events, at a rate.",
    operands: "FILE…", maximumOperands: maximumFiles,
    options: [
      .value("rate", value: "N", help: "Events a second; 'max' is as fast as they are taken. Default 100."),
      .value("type", value: "TYPE", help: "The events' type. Default price:update."),
      .value("key", value: "COLUMN", help: "The column that holds each event's key, as symbol."),
      .value(
        "field", value: "NAME[=COLUMN]",
        help: "A member of the data and the column it is read from; several with commas. Default: all columns, the key "
          + "first, close as price, date last.", isRepeatable: true),
      .value("batch", value: "N", help: "Events a request, 1 to 500. Default: a tenth of a second's, at most 100."),
      .value("limit", value: "N", help: "Stop after so many events."),
      .flag(
        "loop", help: "Begin again at the end of the last file, until Ctrl-C; the data bears the number of the pass."),
      .flag("json", help: "Print a summary as one JSON object, and no progress."),
    ] + PublishTarget.options + Signing.callOptions,
    details: [
      "The first line of a file names the columns. A field that is a number travels as it is written: 67.6 stays "
        + "67.6. Ctrl-C ends the feed after the batch at hand and prints the summary.",
      "With --loop the data of each event has a member pass, 1 the first time, unless the file has a column of that "
        + "name: who computes something over the events sees where they begin again.",
    ],
    examples: [
      "tickertape feed Data/sp500-daily-2018-01-02_2018-02-07.csv --rate 200 --type price:update --key symbol",
      "tickertape feed trades.csv --key id --field price,size=volume --rate max --limit 10000",
    ])

  private let paths: [String]
  private let rate: Double?
  private let type: String
  private let key: String?
  private let fields: [String]
  private let batchSize: Int
  private let limit: Int?
  private let loops: Bool
  private let asJSON: Bool
  private let target: PublishTarget

  init(_ arguments: Arguments) throws(CommandFailure) {
    guard !arguments.operands.isEmpty else {
      throw CommandFailure(
        code: .usage, message: "which file? tickertape feed FILE", advice: ["for example: \(Self.syntax.examples[0])"])
    }
    paths = arguments.operands
    rate = arguments.value("rate") == "max" ? nil : try arguments.positiveNumber("rate") ?? 100
    type = arguments.value("type") ?? "price:update"
    key = arguments.value("key")
    fields = arguments.list("field")
    batchSize = try arguments.integer("batch", in: 1...500) ?? Pace.batchSize(rate: rate)
    limit = try arguments.integer("limit", in: 1...Int.max)
    loops = arguments.has("loop")
    asJSON = arguments.has("json")
    target = try PublishTarget(arguments)
  }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let signal = context.signal()
    var feed = Feed(
      api: try target.api(in: context, until: signal), context: context,
      signal: signal,
      pace: Pace(rate: rate, now: context.clock.monotonicMilliseconds()), batchSize: batchSize, limit: limit,
      showsProgress: !asJSON)
    do throws(CommandFailure) {
      var pass = 0
      repeat {
        pass += 1
        for path in paths where !feed.isOver { try run(&feed, path: path, pass: pass, in: context) }
      } while loops && !feed.isOver
    } catch {
      // What went out before the fault is told too.
      try feed.conclude(asJSON: asJSON)
      throw error
    }
    try feed.conclude(asJSON: asJSON)
    if feed.wasInterrupted { return .interrupted }
    return feed.totals.rejected == 0 ? .success : .failure
  }

  private func run(
    _ feed: inout Feed, path: String, pass: Int, in context: CommandContext
  ) throws(CommandFailure) {
    let source = try open(path: path, in: context)
    source.signal = feed.signal
    var reader = try CSVReader(source)
    let shape = try EventShape(
      type: type, key: key, fields: fields, columns: reader.columns, pass: loops ? pass : nil)
    try feed.run(through: &reader, shape: shape)
    guard feed.readAny || feed.wasInterrupted else {
      throw CommandFailure(code: .failure, message: "\(path) holds no records after its first line")
    }
  }

  private func open(path: String, in context: CommandContext) throws(CommandFailure) -> ByteSource {
    guard path == "-" else { return try ByteSource.file(path: path) }
    guard !loops else {
      throw CommandFailure(code: .usage, message: "standard input cannot be read twice: no --loop with -")
    }
    return context.input()
  }
}
