import ConnectionStore
import TableBackends
import Telemetry

/// The table that a command works on.
struct ChosenTable {
  let table: any Table
  /// As the user would write it.
  let location: String

  static let defaultStore = "sqlite:.tickertape/table.sqlite"

  static let option = OptionSyntax.value(
    "store", value: "STORE",
    help: "The table: sqlite:PATH or dynamodb:TABLE. Default $CONNECTION_STORE, or the DynamoDB table that "
      + "$STREAM_MESSAGES_TABLE_NAME names, else sqlite:.tickertape/table.sqlite.")

  /// `store` as the command line names it; nil: as the environment does, else where `serve` keeps it. A command that
  /// only reads makes no file (`mayCreate` false): a path with a slip in it would be an empty table.
  init(_ store: String?, mayCreate: Bool, in context: CommandContext) throws(CommandFailure) {
    let environment = context.environment
    location = store ?? Self.location(in: environment)
    guard !location.hasPrefix("memory:") else {
      throw CommandFailure(
        code: .usage, message: "a table in memory ends with this command; --store sqlite:PATH or dynamodb:TABLE")
    }
    if location.hasPrefix("sqlite:") {
      let path = System.absolutePath(path: String(location.dropFirst("sqlite:".count)))
      if let closed = TableSelection.closedFolder(aboveSQLiteFile: path) {
        throw CommandFailure(
          code: .inputOutput, message: "\(location): \(closed)", advice: ["run all that use a table as one user"])
      }
      guard mayCreate || System.exists(path: path) else {
        throw CommandFailure(
          code: .inputOutput, message: "there is no table at \(path)",
          advice: ["'tickertape serve' and 'tickertape keys create' make one; --store names another"])
      }
      do {
        try System.makeDirectories(path: Path.directory(of: path) ?? "/")
      } catch {
        throw CommandFailure(
          code: .cannotCreate, message: "no directory for the table: \(error)",
          advice: ["--store sqlite:PATH chooses another"])
      }
    }
    do {
      table = try TableSelection.open(location, environment: environment, clock: context.clock)
    } catch {
      throw CommandFailure(code: .unavailable, message: "\(location): \(error)")
    }
  }

  /// The table of a command that names none.
  static func location(in environment: Environment) -> String {
    let named = environment[TableSelection.tableNameVariable].map { "dynamodb:\($0)" }
    return environment[TableSelection.variable] ?? named ?? defaultStore
  }

  func failure(_ error: TableError) -> CommandFailure {
    CommandFailure(code: .unavailable, message: "\(location): \(error)")
  }
}
