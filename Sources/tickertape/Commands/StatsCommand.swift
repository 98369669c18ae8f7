import ConnectionStore
import Connections
import Telemetry

/// `tickertape stats`: how many connections there are, as the last sweep counted them.
struct StatsCommand: Command {
  static let syntax = CommandSyntax(
    name: "stats", summary: "Show how many connections there are, by role and by user.",
    options: [
      ChosenTable.option,
      .flag("json", help: "Print one JSON object: total, active, byRole, totalUsers, clientsPerUser, and their age."),
    ],
    details: [
      "The Publisher counts the connections each minute; what is shown says how old it is. A connection whose $disconnect was "
        + "lost counts until an event or a ping finds it gone. Active are those whose credential has not ended. Of users those "
        + "with the most connections are listed, \(ConnectionTotals.mostCount) at most."
    ],
    examples: ["tickertape stats", "CONNECTION_STORE=dynamodb:tickertape-dev tickertape stats --json"])

  private let store: String?
  private let asJSON: Bool

  init(_ arguments: Arguments) throws(CommandFailure) {
    store = arguments.value("store")
    asJSON = arguments.has("json")
  }

  func run(in context: CommandContext) throws(CommandFailure) -> ExitCode {
    let chosen = try ChosenTable(store, mayCreate: false, in: context)
    let totals: ConnectionTotals?
    do {
      totals = try Connections(table: chosen.table, clock: context.clock).totals()
    } catch {
      throw chosen.failure(error)
    }
    guard let totals else {
      throw CommandFailure(
        code: .failure, message: "\(chosen.location): no connections were counted within the last day",
        advice: [
          "the Publisher counts them each minute: 'tickertape serve', or the schedule of the deployment, rings it"
        ])
    }
    let report = TotalsReport(totals: totals, nowMilliseconds: context.clock.milliseconds())
    if asJSON { try context.terminal.json(report.json) } else { try report.show(on: context.terminal) }
    return .success
  }
}
