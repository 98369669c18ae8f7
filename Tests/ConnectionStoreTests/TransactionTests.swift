import ConnectionStore
import TestSupport
import Testing

@Suite("transactions and batches")
struct TransactionTests {
  private func key(_ sort: String) -> ItemKey { ItemKey(partition: "p", sort: sort) }

  @Test("a transaction puts, updates, deletes and checks", arguments: Backend.atomic, [Durability.process, .disk])
  func allKinds(_ backend: Backend, _ durability: Durability) throws {
    let table = try backend.open().table
    try table.writeBatch(["b", "c", "d"].map { .put(Item(key: key($0), attributes: ["n": .number(1)])) })
    try table.transact(
      [
        .put(Item(key: key("a")), if: .absent), .update(key("b"), .adding(1, to: "n"), if: .exists),
        .delete(key("c"), if: .equals("n", .number(1))), .check(key("d"), .less("n", .number(2))),
        .update(key("e"), .adding(5, to: "n", creates: true)),
      ], durability: durability)
    #expect(
      try table.query(Query(partition: "p")).items == [
        Item(key: key("a")), Item(key: key("b"), attributes: ["n": .number(2)]),
        Item(key: key("d"), attributes: ["n": .number(1)]),
        Item(key: key("e"), attributes: ["n": .number(5)]),
      ])
  }

  @Test("a transaction that fails names every index and changes nothing", arguments: Backend.atomic)
  func namesPlaces(_ backend: Backend) throws {
    let stage = try backend.open()
    let table = stage.table
    try stage.leaveExpired(key("expired"))
    try table.put(Item(key: key("a"), attributes: ["n": .number(1)]), if: .always)
    let before = try table.query(Query(partition: "p"))
    let refusal = code { () throws(TableError) in
      try table.transact([
        .put(Item(key: key("new"))),  // 0
        .put(Item(key: key("a")), if: .absent),  // 1: fails
        .check(key("expired"), .exists),  // 2: fails
        .check(key("other"), .absent),  // 3
        .update(key("missing"), .adding(1, to: "n")),  // 4: fails, may not create
        .delete(key("expired too"), if: .exists),  // 5: fails
        .put(Item(key: key("last")), if: .lacks("n")),  // 6
      ])
    }
    #expect(refusal == .transactionFailed([1, 2, 4, 5]))
    #expect(try table.query(Query(partition: "p")) == before)
  }

  @Test("a transaction on expired items behaves as if nothing stood there", arguments: Backend.atomic)
  func expiredItems(_ backend: Backend) throws {
    let stage = try backend.open()
    for sort in ["a", "b", "c"] {
      try stage.table.put(
        Item(key: key(sort), attributes: ["n": .number(9)], expires: stage.time.seconds + 1), if: .always)
    }
    stage.time.advance(seconds: 1)
    try stage.table.transact([
      .put(Item(key: key("a")), if: .absent), .update(key("b"), .adding(1, to: "n", creates: true)),
      .check(key("c"), .absent),
    ])
    #expect(
      try stage.table.query(Query(partition: "p")).items == [
        Item(key: key("a")), Item(key: key("b"), attributes: ["n": .number(1)]),
      ])
  }

  @Test("a sum that cannot be, late in a transaction, undoes all of it", arguments: Backend.atomic)
  func lateRefusal(_ backend: Backend) throws {
    let table = try backend.open().table
    try table.put(Item(key: key("s"), attributes: ["s": .string("")]), if: .always)
    let writes: [TransactionWrite] = [.put(Item(key: key("a"))), .update(key("s"), .adding(1, to: "s"))]
    #expect(code { () throws(TableError) in try table.transact(writes) } == .invalidRequest)
    #expect(try table.get(key("a"), consistency: .strong) == nil)
  }

  @Test("a transaction holds 1 to 100 writes", arguments: Backend.atomic)
  func counts(_ backend: Backend) throws {
    let table = try backend.open().table
    let writes = (0...100).map { TransactionWrite.put(Item(key: key("\($0)"))) }
    #expect(code { () throws(TableError) in try table.transact([]) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.transact(writes) } == .invalidRequest)
    #expect(try table.query(Query(partition: "p")).items.isEmpty)
    try table.transact(Array(writes.dropLast()))
    #expect(try table.query(Query(partition: "p")).items.count == 100)
  }

  @Test("a key stands in a transaction or a batch once, whatever is done to it", arguments: Backend.atomic)
  func duplicates(_ backend: Backend) throws {
    let table = try backend.open().table
    let transaction: [TransactionWrite] = [.put(Item(key: key("a"))), .check(key("b"), .absent), .delete(key("a"))]
    #expect(code { () throws(TableError) in try table.transact(transaction) } == .invalidRequest)
    let batch: [BatchWrite] = [.put(Item(key: key("a"))), .delete(key("a"))]
    #expect(code { () throws(TableError) in try table.writeBatch(batch) } == .invalidRequest)
    #expect(try table.get(key("a"), consistency: .strong) == nil)
  }

  @Test("a batch takes any number of puts and deletes", arguments: Backend.atomic)
  func batch(_ backend: Backend) throws {
    let stage = try backend.open()
    try stage.table.writeBatch([])
    let sorts = (1000..<1777).map(String.init)
    try stage.leaveExpired(key("1000"))
    try stage.table.writeBatch(sorts.map { .put(Item(key: key($0))) })
    #expect(try stage.table.sorts(Query(partition: "p", limit: 100)) == sorts)
    // Doing it again is harmless.
    let removal = sorts.dropFirst().map { BatchWrite.delete(key($0)) }
    try stage.table.writeBatch(removal)
    try stage.table.writeBatch(removal)
    #expect(try stage.table.sorts(Query(partition: "p")) == ["1000"])
  }
}
