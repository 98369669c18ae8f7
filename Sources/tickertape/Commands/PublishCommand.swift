import JSON
import Messaging

/// `tickertape publish`: events from arguments, a file or standard input to the Publisher.
struct PublishCommand: Command {
  static let syntax = CommandSyntax(
    name: "publish", summary: "Publish events: one from arguments, or many from a file or standard input.",
    operands: "TYPE | -", maximumOperands: 1,
    options: [
      .value("key", value: "KEY", help: "Which one of its type the event is about, as AAPL."),
      .value("data", value: "JSON", help: "The event's data; travels byte for byte as it stands. Default {}."),
      .value("user", value: "USER", help: "Only for this user's connections."),
      .value("group", value: "GROUP", help: "Only for the members of this group."),
      .value("priority", value: "LEVEL", help: "'high' never waits and is never conflated."),
      .value("idempotency-key", value: "KEY", help: "The same key again is the same event, and is not sent twice."),
      .value(
        "timestamp", value: "TIME",
        help: "When it happened, as 2026-01-02T10:30:01.000Z. Default: when it is published."),
      .value("correlation-id", value: "ID", help: "Handed on to the clients with the event."),
      .value("file", value: "PATH", help: "Events from a file, a JSON object a line (NDJSON); - is standard input."),
      .value("batch", value: "N", help: "Events a request, 1 to 500. Default 100."),
      .value("resume-from", value: "LINE", help: "Pass over the lines before this one, counted from 1."),
      .value(
        "run", value: "NAME",
        help:
          "Names this run of many lines: an event without an idempotency key gets NAME#LINE as its own, so that the same "
          + "run can be resumed and each event is published once."),
      .flag("json", help: "Print the function's answers as they come, and for many lines a summary: {\"summary\":…}."),
    ] + PublishTarget.options + Signing.callOptions,
    details: [
      "With --endpoint https://lambda.eu-west-1.amazonaws.com the function on AWS is called, signed.",
      "An event is {\"type\":…,\"key\":…,\"data\":…} with \"user\" or \"group\" for a smaller "
        + "audience. A line that is no event (not a JSON object, longer than 1 MiB, rejected by the function) is reported "
        + "with its number, and the rest goes on.",
      "Where it ends early, because the endpoint cannot be used, the source cannot be read, or of a signal, it says "
        + "which lines are published, which may be (sent, but not answered), and which were not sent. --resume-from "
        + "goes on there. After a signal it waits three seconds for an answer; a second signal ends it at once, "
        + "without a word.",
    ],
    examples: [
      #"tickertape publish price:update --key AAPL --data '{"price":152.50}'"#,
      "tickertape publish --file events.ndjson", "generate | tickertape publish -",
      "tickertape publish --file events.ndjson --run import-7 --resume-from 4101",
    ])

  private let single: [UInt8]?
  private let path: String
  private let lines: LineOptions
  private let asJSON: Bool
  private let target: PublishTarget

  init(_ arguments: Arguments) throws(CommandFailure) {
    lines = LineOptions(
      batchSize: try arguments.integer("batch", in: 1...500) ?? 100,
      first: try arguments.integer("resume-from", in: 1...Int.max) ?? 1, run: try Self.run(arguments.value("run")))
    asJSON = arguments.has("json")
    target = try PublishTarget(arguments)
    let operand = arguments.operands.first
    path = arguments.value("file") ?? "-"
    if arguments.has("file") || operand == "-" {
      guard arguments.has("file") != (operand != nil) else {
        throw CommandFailure(code: .usage, message: "either a TYPE, or --file, or -, not two of them")
      }
      try Self.refuse(
        ["key", "data", "user", "group", "priority", "timestamp", "idempotency-key", "correlation-id"], in: arguments)
      single = nil
    } else if let type = operand {
      for name in ["resume-from", "run"] where arguments.has(name) {
        throw CommandFailure(code: .usage, message: "--\(name) belongs to lines, not to an event given by its TYPE")
      }
      single = try Self.event(type: type, arguments: arguments)
    } else {
      throw CommandFailure(
        code: .usage, message: "nothing to publish: give a TYPE, --file PATH, or - for standard input",
        advice: ["for example: \(Self.syntax.examples[0])"])
    }
  }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    if let single {
      var run = PublishRun(api: try target.api(in: context), terminal: context.terminal, asJSON: asJSON)
      try run.send(single)
      try run.conclude(isLines: false)
      return run.totals.rejected == 0 ? .success : .failure
    }
    return try publishLines(in: context)
  }

  private func publishLines(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    // A named pipe that nobody writes to is waited for here, where Ctrl-C simply ends the process.
    let source = path == "-" ? context.input() : try ByteSource.file(path: path)
    let signal = context.signal()
    var run = PublishRun(
      api: try target.api(in: context, until: signal), terminal: context.terminal, asJSON: asJSON,
      until: signal)
    do throws(CommandFailure) {
      try run.sendLines(of: source, options: lines)
    } catch {
      // What went out before is told whatever it was that ended it.
      try? run.conclude(isLines: true)
      throw error
    }
    try run.conclude(isLines: true)
    return run.totals.rejected == 0 ? .success : .failure
  }

  private static func run(_ token: String?) throws(CommandFailure) -> String? {
    guard let token else { return nil }
    guard Name.isToken(token), token.utf8.count <= maximumRunBytes else {
      throw CommandFailure(code: .usage, message: "--run takes 1 to \(maximumRunBytes) bytes \(Name.rule)")
    }
    return token
  }

  /// The number of the line has room beside it.
  private static let maximumRunBytes = Limit.correlationBytes - 21

  private static func refuse(_ names: [String], in arguments: Arguments) throws(CommandFailure) {
    guard let name = names.first(where: arguments.has) else { return }
    throw CommandFailure(
      code: .usage, message: "--\(name) belongs to an event given by its TYPE; lines bring their own")
  }

  /// The event is one level around its data.
  private static func validate(data: [UInt8]) throws(CommandFailure) {
    do throws(JSONError) { try JSONReader.validate(data, maximumDepth: Limit.eventDepth - 1) } catch {
      if case .tooDeep = error.code {
        throw CommandFailure(
          code: .usage,
          message: "--data is too deep: an event may be nested \(Limit.eventDepth) levels, itself one of them")
      }
      throw CommandFailure(
        code: .usage, message: "--data is not JSON: \(error)",
        advice: [#"a text needs its own quotes: --data '"hello"'"#])
    }
  }

  private static func event(type: String, arguments: Arguments) throws(CommandFailure) -> [UInt8] {
    guard !(arguments.has("user") && arguments.has("group")) else {
      throw CommandFailure(code: .usage, message: "an event is for everyone, for one --user, or for one --group")
    }
    let data = Array((arguments.value("data") ?? "{}").utf8)
    try validate(data: data)
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("type", type)
      for name in ["key", "user", "group", "priority", "timestamp"] {
        writer.member(name, ifPresent: arguments.value(name))
      }
      writer.member("correlationId", ifPresent: arguments.value("correlation-id"))
      writer.member("idempotencyKey", ifPresent: arguments.value("idempotency-key"))
      writer.member("data", raw: data)
    }
    return writer.bytes
  }
}
