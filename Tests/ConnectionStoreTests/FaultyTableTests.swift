import ConnectionStore
import Synchronization
import TableBackends
import Telemetry
import TestSupport
import Testing

@Suite("A table that fails on purpose")
struct FaultyTableTests {
  let time = SettableClock()
  let inner: MemoryTable
  let key = ItemKey(partition: "p", sort: "s")

  init() { inner = MemoryTable(clock: time.clock) }

  func table(
    _ rate: Double, _ change: (inout TableFaults) -> Void = { _ in }, log: Log = Log(write: { _ in })
  )
    -> FaultyTable
  {
    var faults = TableFaults(seed: 5, rate: rate)
    change(&faults)
    return FaultyTable(table: inner, faults: faults, clock: time.clock, log: log)
  }

  @Test("throttled: the call is not done, and the caller is told so")
  func throttled() throws {
    let table = table(1) { $0.outcome = .throttled }
    #expect(code { (table) throws(TableError) in try table.put(Item(key: key), if: .always) }(table) == .throttled)
    #expect(try inner.get(key, consistency: .strong) == nil)
  }

  @Test("unknown: the call is done, and its answer lost; what the table refuses is refused")
  func unknown() throws {
    let table = table(1) { $0.outcome = .unknown }
    #expect(code { (table) throws(TableError) in try table.put(Item(key: key), if: .absent) }(table) == .unavailable)
    #expect(try inner.get(key, consistency: .strong) != nil)
    #expect(
      code { (table) throws(TableError) in try table.put(Item(key: key), if: .absent) }(table) == .conditionFailed)
  }

  @Test("every verb may fail, and is counted as one call")
  func verbs() {
    let table = table(1) { $0.outcome = .throttled }
    let key = self.key
    let verbs: [(FaultyTable) -> TableError.Code?] = [
      code { (table) throws(TableError) in _ = try table.get(key, consistency: .strong) },
      code { (table) throws(TableError) in try table.put(Item(key: key), if: .always) },
      code { (table) throws(TableError) in _ = try table.update(key, change: Change(), if: .always) },
      code { (table) throws(TableError) in try table.delete(key, if: .always) },
      code { (table) throws(TableError) in _ = try table.query(Query(partition: "p")) },
      code { (table) throws(TableError) in try table.writeBatch([.delete(key)]) },
      code { (table) throws(TableError) in try table.transact([.put(Item(key: key))]) },
    ]
    for verb in verbs { #expect(verb(table) == .throttled) }
    #expect(table.calls == verbs.count && table.failures == verbs.count)
  }

  @Test("which calls fail, and how, is a function of seed, name and number alone")
  func pure() {
    func outcomes(seed: Int64 = 5, who: String = "Publisher/1") -> [TableError.Code?] {
      let table = table(0.3) {
        $0.seed = seed
        $0.who = who
      }
      return (0..<300).map { _ in
        code { (table) throws(TableError) in _ = try table.get(key, consistency: .strong) }(table)
      }
    }
    let first = outcomes()
    #expect(first == outcomes())
    #expect(first != outcomes(who: "Publisher/2") && first != outcomes(seed: 6))
    #expect(first.contains(.throttled) && first.contains(.unavailable) && first.contains(nil))
    #expect((60...120).contains(first.count { $0 != nil }))
  }

  @Test("it fails between its bounds only, and not more often than its limit")
  func bounds() {
    let table = table(1) {
      $0.outcome = .throttled
      $0.from = 100
      $0.until = 200
      $0.limit = 2
    }
    let get = code { (table) throws(TableError) in _ = try table.get(key, consistency: .strong) }
    #expect(get(table) == nil)
    time.advance(milliseconds: 100)
    #expect([get(table), get(table), get(table)] == [.throttled, .throttled, nil])
    let other = self.table(1) {
      $0.start = time.seconds * 1000 - 200
      $0.until = 200
    }
    #expect(get(other) == nil)
  }

  @Test("every failure is a line of the log")
  func logged() {
    let lines = Mutex<[String]>([])
    let table = table(1, { $0.who = "f/1" }, log: Log(write: { line in lines.withLock { $0.append(text(line)) } }))
    _ = code { (table) throws(TableError) in _ = try table.query(Query(partition: "p")) }(table)
    let line = lines.withLock { $0.first } ?? ""
    #expect(line.contains(#""message":"fault injected","kind":"table-throttled","who":"f/1","n":1,"#))
    #expect(line.contains(#""operation":"query","done":"#))
  }

  private func code(_ body: @escaping (FaultyTable) throws(TableError) -> Void) -> (FaultyTable) -> TableError.Code? {
    { table in
      do throws(TableError) {
        try body(table)
        return nil
      } catch { return error.code }
    }
  }

  // MARK: The variable

  @Test("TABLE_FAULTS is read whole, and wraps the table that the environment names")
  func selected() throws {
    let text = #"{"seed":1,"rate":1,"outcome":"throttled","who":"f/1","start":5,"from":6,"until":7,"limit":8}"#
    let faults = try TableFaults(text)
    #expect(faults.seed == 1 && faults.rate == 1 && faults.outcome == .throttled && faults.who == "f/1")
    #expect(faults.start == 5 && faults.from == 6 && faults.until == 7 && faults.limit == 8)
    let environment = Environment(["CONNECTION_STORE": "memory:", "TABLE_FAULTS": #"{"seed":1,"rate":0}"#])
    #expect(try TableSelection.open(environment: environment) is FaultyTable)
    #expect(try TableSelection.open(environment: Environment(["CONNECTION_STORE": "memory:"])) is MemoryTable)
  }

  @Test(
    "what cannot be is refused, and so is a table of DynamoDB",
    arguments: [
      "[]", #"{"rate":1}"#, #"{"seed":1}"#, #"{"seed":1,"rate":2}"#, #"{"seed":1,"rate":1,"rat":1}"#,
      #"{"seed":1,"rate":1,"outcome":"some"}"#, #"{"seed":1,"rate":1,"limit":0}"#,
      #"{"seed":1,"rate":1,"from":2,"until":2}"#,
    ])
  func refused(_ text: String) {
    let environment = Environment(["CONNECTION_STORE": "memory:", "TABLE_FAULTS": text])
    #expect(throws: TableError.self) { try TableSelection.open(environment: environment) }
  }

  @Test("a table of DynamoDB never fails on purpose")
  func dynamoDB() {
    let environment = Environment([
      "CONNECTION_STORE": "dynamodb:t", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a",
      "AWS_SECRET_ACCESS_KEY": "b", "TABLE_FAULTS": #"{"seed":1,"rate":0}"#,
    ])
    do throws(TableError) {
      _ = try TableSelection.open(environment: environment)
      Issue.record("opened")
    } catch { #expect(error.code == .unusable && error.detail.contains("TABLE_FAULTS")) }
  }
}
