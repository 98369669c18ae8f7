import ConnectionStore
import TestSupport
import Testing

/// What the contract promises to those who get no answer, with each call failing in turn.
@Suite("lost answers")
struct LostAnswerTests {
  private static let account = ItemKey(partition: "account", sort: "a")

  @Test("a transaction whose answer was lost is there whole or not at all", arguments: Backend.atomic)
  func allOrNothing(_ backend: Backend) throws {
    let calls = try failEachCall(over: { try backend.open().table }) { table in
      for round in 0..<3 {
        try table.transact([
          .update(Self.account, .adding(1, to: "n", creates: true)),
          .put(Item(key: ItemKey(partition: "receipt", sort: "\(round)"))),
        ])
      }
    } check: { table, error, run in
      let sum = try table.get(Self.account, consistency: .strong)?.number("n") ?? 0
      #expect(try table.query(Query(partition: "receipt")).items.count == Int(sum), "\(run)")
      if error == nil { #expect(sum == 3, "\(run)") }
    }
    #expect(calls == 3)
  }

  @Test("a writer that finds its own token in the item knows that the lost write was done", arguments: Backend.allCases)
  func ownWord(_ backend: Backend) throws {
    try failEachCall(over: { try backend.open().table }) { table in
      try claim(table, by: "we")
    } check: { table, error, run in
      #expect(error == nil, "\(run)")
      let stored = try table.get(Self.account, consistency: .strong)
      #expect(stored?.string("by") == "we", "\(run)")
    }
  }

  /// Retries once after a lost answer, and looks before it believes that another was faster.
  private func claim(_ table: any Table, by word: String) throws {
    for _ in 0..<3 {
      do throws(TableError) {
        try table.put(Item(key: Self.account, attributes: ["by": .string(word)]), if: .absent)
        return
      } catch {
        switch error.code {
        case .unavailable: continue
        case .conditionFailed:
          guard let stored = try? table.get(Self.account, consistency: .strong) else { continue }
          if stored.string("by") == word { return }
          throw error
        default: throw error
        }
      }
    }
  }

  @Test("a batch that failed half-way is harmless to repeat", arguments: Backend.atomic)
  func repeatedBatch(_ backend: Backend) throws {
    let batch = (0..<10).map { BatchWrite.put(Item(key: ItemKey(partition: "p", sort: "\($0)"))) }
    try failEachCall(over: { try backend.open().table }) { table in
      do { try table.writeBatch(batch) } catch { try table.writeBatch(batch) }
    } check: { table, error, run in
      #expect(error == nil, "\(run)")
      let page = try table.query(Query(partition: "p"))
      #expect(page.items.count == 10, "\(run)")
    }
  }

  @Test("the failing table fails once, at the moment it was told", arguments: FailingTable.Moment.allCases)
  func failingTable(_ moment: FailingTable.Moment) throws {
    let table = FailingTable(try Backend.memory.open().table, failing: 2, moment)
    let batch = ["a", "b", "c", "d"].map { BatchWrite.put(Item(key: ItemKey(partition: "p", sort: $0))) }
    #expect(try table.query(Query(partition: "p")).items.isEmpty)
    #expect(!table.hasFailed)
    #expect(code { () throws(TableError) in try table.writeBatch(batch) } == .unavailable)
    #expect(table.hasFailed)
    let written = [.before: 0, .halfway: 2, .after: 4][moment]
    #expect(try table.query(Query(partition: "p")).items.count == written)
    #expect(table.calls == 3)
  }
}
