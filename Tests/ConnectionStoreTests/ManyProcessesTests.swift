import ConnectionStore
import TableBackends
import TestSupport
import Testing

@Suite("many processes on one file")
struct ManyProcessesTests {
  private let folder = TemporaryFolder()

  @Test("four processes with 10,000 mixed writes each lose nothing", .timeLimit(.minutes(10)))
  func nothingIsLost() throws {
    // They also create the file, all at once.
    let path = folder.file("table.db")
    let writers = try ["1", "2", "3", "4"].map { try TestProgram("TableStress", ["write", path, $0, "10000"]) }
    var races = 0
    for writer in writers {
      #expect(writer.wait() == 0, "\(writer.output)")
      races += Int(writer.output.prefix { $0 != "\n" }) ?? 0
    }
    let table = try SQLiteTable(path: path)
    for counter in ["plain", "transaction", "compared"] {
      #expect(
        try table.get(ItemKey(partition: "counter", sort: counter), consistency: .strong)?.number("n") == 10_000,
        "\(counter)")
    }
    #expect(try table.sorts(Query(partition: "race")).count == 2500)
    #expect(races == 2500)
    for writer in 1...4 { #expect(try table.sorts(Query(partition: "own#\(writer)")).count == 2500) }
  }

  @Test("a process killed while it writes leaves whole transactions and no lock", .timeLimit(.minutes(10)))
  func killed() throws {
    let path = folder.file("table.db")
    let table = try SQLiteTable(path: path)
    let writer = try TestProgram("TableStress", ["write", path, "1", "1000000"])
    // Until some of its transactions are seen.
    while try table.get(ItemKey(partition: "counter", sort: "transaction"), consistency: .strong)?.number("n") ?? 0 < 20
    {}
    writer.kill()
    #expect(writer.wait() != 0)
    let sum = try table.get(ItemKey(partition: "counter", sort: "transaction"), consistency: .strong)?.number("n")
    #expect(try table.sorts(Query(partition: "own#1")).count == Int(sum ?? 0))
    #expect(try table.increment(ItemKey(partition: "counter", sort: "transaction"), attribute: "n") == (sum ?? 0) + 1)
  }
}
