import ConnectionStore
import EventLog
import Frames
import JSON
import Messaging

/// `tickertape log`: shows what the log of a stream holds.
struct LogCommand: Command {
  static let syntax = CommandSyntax(
    name: "log", summary: "Show what the log of a stream holds, one event a line.",
    operands: "STREAM", maximumOperands: 1,
    options: [
      .value("after", value: "SEQ", help: "Only events after this sequence number. Default 0."),
      .value("limit", value: "N", help: "At most so many."),
      .flag("head", help: "Only where the log stands: epoch, last sequence number, how far it was sent."),
      ChosenTable.option,
    ],
    details: [
      "A stream is all/TYPE, user/USER or group/GROUP. Each line is the event as a client of the dialect typed gets it."
    ],
    examples: [
      "tickertape log all/price:update --after 1200 --limit 10", "tickertape log user/u-1 --head",
      "CONNECTION_STORE=dynamodb:tickertape-dev tickertape log all/signal",
    ])

  private let stream: String
  private let after: Int64
  private let limit: Int
  private let showsHead: Bool
  private let store: String?

  init(_ arguments: Arguments) throws(CommandFailure) {
    guard let stream = arguments.operands.first, StreamName.audience(of: stream) != nil else {
      throw CommandFailure(
        code: .usage, message: "log needs a stream: all/TYPE, user/USER or group/GROUP",
        advice: ["for example: \(Self.syntax.examples[0])"])
    }
    self.stream = stream
    after = Int64(try arguments.integer("after", in: 0...Int.max) ?? 0)
    limit = try arguments.integer("limit", in: 1...Int.max) ?? .max
    showsHead = arguments.has("head")
    store = arguments.value("store")
  }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let chosen = try ChosenTable(store, mayCreate: false, in: context)
    let log = StreamLog(table: chosen.table, clock: context.clock)
    do {
      guard let head = try log.head(stream: stream) else {
        throw CommandFailure(code: .failure, message: "\(chosen.location) has no log of \(stream)")
      }
      if showsHead {
        let checkpoint = try Checkpoints(table: chosen.table, clock: context.clock).read(stream: stream)
        try context.terminal.json(
          Self.line(head, deliveredThrough: checkpoint?.epoch == head.epoch ? checkpoint?.deliveredThrough : 0))
      } else {
        try show(log, head: head, terminal: context.terminal)
      }
      return .success
    } catch let failure as CommandFailure {
      throw failure
    } catch let error as TableError {
      throw chosen.failure(error)
    } catch {
      throw CommandFailure(code: .failure, message: "\(error)")
    }
  }

  private func show(_ log: StreamLog, head: LogHead, terminal: Terminal) throws {
    var position = after
    var left = limit
    while position < head.last, left > 0 {
      let page = try log.read(stream: stream, head: head, after: position)
      for logged in page.events.prefix(left) {
        let placement = Placement(sequence: logged.sequence)
        try terminal.json(
          ServerFrame.event(logged.event, shownAs: logged.event.type, dialect: .typed, placement: placement))
      }
      left -= page.events.count
      position = page.through
    }
  }

  private static func line(_ head: LogHead, deliveredThrough: Int64?) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("epoch", head.epoch)
      writer.member("last", head.last)
      writer.member("deliveredThrough", deliveredThrough ?? 0)
    }
    return writer.bytes
  }
}
