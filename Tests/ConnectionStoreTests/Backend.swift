import AWS
import ConnectionStore
import HTTPClient
import TableBackends
import Telemetry
import TestSupport
import Testing

/// The backends every sentence of the contract is tried on; DynamoDB's where an emulator runs (`make test` starts
/// them).
enum Backend: String, CaseIterable, CustomTestStringConvertible {
  case memory
  case sqlite
  case ministack
  case moto

  static let allCases: [Backend] =
    [.memory, .sqlite] + [.ministack, .moto].filter { Environment.process[$0.variable] != nil }

  /// Those that are right about transactions, about keys that stand twice, and about large batches: moto is not.
  static let atomic = allCases.filter { $0 != .moto }

  fileprivate var variable: String { "TICKERTAPE_\(rawValue.uppercased())" }

  var testDescription: String { rawValue }

  func open() throws -> Stage { try Stage(self) }
}

/// A fresh table with its clock.
final class Stage {
  let table: any Table
  let time = SettableClock()

  init(_ backend: Backend) throws {
    switch backend {
    case .memory:
      table = MemoryTable(clock: time.clock)
    case .sqlite:
      let folder = TemporaryFolder()
      table = HousedTable(try SQLiteTable(path: folder.file("table.db"), clock: time.clock), folder)
    case .ministack, .moto:
      let endpoint = try #require(Environment.process[backend.variable])
      table = try DynamoDBStage.table(at: endpoint, clock: time.clock)
    }
  }

  /// Puts an item there that has expired and was not deleted.
  func leaveExpired(_ key: ItemKey, _ attributes: [String: Value] = ["n": .number(7)]) throws {
    try table.put(Item(key: key, attributes: attributes, expires: time.seconds + 10), if: .always)
    time.advance(seconds: 10)
  }
}

/// A table that keeps the folder of its file as long as it is used itself.
private final class HousedTable: ForwardingTable {
  private let table: SQLiteTable
  private let folder: TemporaryFolder

  init(_ table: SQLiteTable, _ folder: TemporaryFolder) {
    self.table = table
    self.folder = folder
  }

  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer {
    try body(table)
  }
}

/// The code of the error that `body` throws, nil if it throws none.
func code(_ body: () throws(TableError) -> Void) -> TableError.Code? {
  do throws(TableError) {
    try body()
    return nil
  } catch {
    return error.code
  }
}

extension Change {
  static func setting(_ name: String, _ value: Value, creates: Bool = false) -> Change {
    var change = Change()
    change.set[name] = value
    change.createsItem = creates
    return change
  }

  static func adding(_ amount: Int64, to name: String, creates: Bool = false) -> Change {
    var change = Change()
    change.add[name] = amount
    change.createsItem = creates
    return change
  }
}

extension Table {
  /// The sort keys of all pages.
  func sorts(_ query: Query) throws(TableError) -> [String] {
    try items(of: query).map(\.key.sort)
  }
}
