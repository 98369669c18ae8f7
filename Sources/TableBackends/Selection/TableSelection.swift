public import ConnectionStore
package import Telemetry

/// Which table a process works on, as its environment says.
///
///     let table = try TableSelection.open()      // CONNECTION_STORE=dynamodb:tickertape-dev-Table-1A2B3C4D5E6F
///
/// A handler opens it in its `main.swift`, once, and keeps it for all its invocations.
public enum TableSelection {
  /// Opens the table that the variable `CONNECTION_STORE` names: `sqlite:PATH`, `dynamodb:TABLE` or `memory:` (for
  /// tests). The local gateway and the template of `infra` set it for every function.
  public static func open() throws(TableError) -> any Table { try open(environment: .process) }

  package static let variable = "CONNECTION_STORE"
  /// The name of a DynamoDB table; counts only where `CONNECTION_STORE` is unset.
  package static let tableNameVariable = "STREAM_MESSAGES_TABLE_NAME"
  private static let example = "sqlite:/var/lib/tickertape/table.db"

  /// Opens the table that `CONNECTION_STORE` names: `sqlite:PATH`, `dynamodb:TABLE` or `memory:` (for tests: each
  /// process has its own).
  ///
  /// `deadline` bounds the calls of a table over the network; a file's are bounded by themselves.
  ///
  /// With `TABLE_FAULTS` some of its calls fail on purpose; such a table is never DynamoDB's.
  package static func open(
    environment: Environment, clock: Clock = .system, deadline: CallDeadline = CallDeadline()
  ) throws(TableError) -> any Table {
    guard let text = environment[TableFaults.variable] else {
      return try openSound(environment: environment, clock: clock, deadline: deadline)
    }
    guard !isDynamoDB(environment: environment) else {
      throw unusable("\(TableFaults.variable) is for a table of SQLite or in memory, not for DynamoDB")
    }
    let faults: TableFaults
    do throws(TableFaultsError) { faults = try TableFaults(text) } catch { throw unusable(error.description) }
    // Whatever the level of the other lines: the local gateway counts these.
    return FaultyTable(
      table: try openSound(environment: environment, clock: clock, deadline: deadline), faults: faults, clock: clock,
      log: Log(minimum: .trace))
  }

  private static func isDynamoDB(environment: Environment) -> Bool {
    environment[variable]?.hasPrefix("dynamodb:") ?? (environment[tableNameVariable] != nil)
  }

  private static func openSound(
    environment: Environment, clock: Clock, deadline: CallDeadline
  ) throws(TableError) -> any Table {
    if environment[variable] == nil, let table = environment[tableNameVariable] {
      return try DynamoDBTable.open(table, environment: environment, clock: clock, deadline: deadline)
    }
    let name: String
    do throws(MissingVariable) {
      name = try environment.required(variable, example: example)
    } catch {
      throw unusable(error.description)
    }
    return try open(name, environment: environment, clock: clock, deadline: deadline)
  }

  /// Opens the table of that name, for example `sqlite:.tickertape/table.db`. A DynamoDB table takes region, endpoint
  /// and credentials from the environment.
  package static func open(
    _ name: String, environment: Environment = .process, clock: Clock = .system,
    deadline: CallDeadline = CallDeadline()
  ) throws(TableError) -> any Table {
    let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let location = parts.count == 2 ? String(parts[1]) : nil
    switch (parts[0], location) {
    case ("memory", ""): return MemoryTable(clock: clock)
    case ("sqlite", let path?) where !path.isEmpty: return try SQLiteTable(path: path, clock: clock)
    case ("dynamodb", let table?):
      return try DynamoDBTable.open(table, environment: environment, clock: clock, deadline: deadline)
    default:
      throw unusable(
        "\(variable)=\(name) names no table; allowed are sqlite:PATH, dynamodb:TABLE and memory:, as in \(example)")
    }
  }

  /// What is wrong with the file of a table of SQLite; nil: nothing.
  package static func fault(ofSQLiteFile path: String) -> TableError? { SQLiteTable.fault(of: path) }

  /// The folder on the way to the file that this process may not enter, and whose it is; nil: there is none.
  package static func closedFolder(aboveSQLiteFile path: String) -> String? { SQLiteTable.closedFolder(above: path) }

  /// Tidies the file of a table of SQLite after the last process that used it.
  package static func mergeLog(ofSQLiteFile path: String) throws(TableError) { try SQLiteTable.mergeLog(of: path) }

  /// Over how many partitions the listeners of one topic are spread, the same wherever a table is used:
  /// `LISTENER_SHARDS`, else 8 on DynamoDB, one of whose partitions takes 1,000 writes a second, and 1 elsewhere.
  package static func listenerShards(environment: Environment) throws(TableError) -> Int {
    guard let text = environment["LISTENER_SHARDS"] else { return isDynamoDB(environment: environment) ? 8 : 1 }
    guard let count = Int(text), (1...64).contains(count) else {
      throw unusable("LISTENER_SHARDS=\(text) is no number from 1 to 64; for example LISTENER_SHARDS=8")
    }
    return count
  }

  private static func unusable(_ detail: String) -> TableError {
    TableError(code: .unusable, operation: "open", detail: detail)
  }
}
