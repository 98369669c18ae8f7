import ConnectionStore
import TestSupport
import Testing

@Suite("requests that break the contract")
struct RequestRulesTests {
  static let good = ItemKey(partition: "p", sort: "s")
  static let bad = [
    ItemKey(partition: "", sort: "s"), ItemKey(partition: "p", sort: ""),
    ItemKey(partition: String(repeating: "p", count: 2049), sort: "s"),
    ItemKey(partition: "p", sort: String(repeating: "é", count: 513)),
  ]

  @Test("a key with a part that is empty or too long is refused everywhere", arguments: Backend.allCases, bad)
  func keys(_ backend: Backend, _ key: ItemKey) throws {
    let table = try backend.open().table
    let transaction: [TransactionWrite] = [.put(Item(key: Self.good)), .check(key, .absent)]
    let batch: [BatchWrite] = [.put(Item(key: Self.good)), .delete(key)]
    #expect(code { () throws(TableError) in _ = try table.get(key, consistency: .strong) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.put(Item(key: key), if: .always) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.update(key, change: Change(), if: .always) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.delete(key, if: .always) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.writeBatch(batch) } == .invalidRequest)
    #expect(code { () throws(TableError) in try table.transact(transaction) } == .invalidRequest)
    #expect(try table.get(Self.good, consistency: .strong) == nil)
  }

  @Test("the longest keys are taken", arguments: Backend.allCases)
  func longestKeys(_ backend: Backend) throws {
    let table = try backend.open().table
    let key = ItemKey(partition: String(repeating: "é", count: 1024), sort: String(repeating: "s", count: 1024))
    try table.put(Item(key: key), if: .absent)
    #expect(try table.get(key, consistency: .strong) == Item(key: key))
    #expect(try table.sorts(Query(partition: key.partition, sort: .between(key.sort, key.sort))) == [key.sort])
  }

  // moto counts the bytes of an item in another way than DynamoDB.
  @Test("an item of 400 KB is taken and one of a byte more refused", arguments: Backend.atomic)
  func sizes(_ backend: Backend) throws {
    let table = try backend.open().table
    var item = Item(key: Self.good, attributes: ["b": .bytes([])])
    item["b"] = .bytes(Array(repeating: 1, count: 409_600 - item.size))
    try table.put(item, if: .always)
    #expect(try table.get(Self.good, consistency: .strong) == item)
    let larger = item.bytes("b")! + [1]
    let byPut = code { () throws(TableError) in
      try table.put(Item(key: Self.good, attributes: ["b": .bytes(larger)]), if: .always)
    }
    let byUpdate = code { () throws(TableError) in
      try table.update(Self.good, change: .setting("c", .string("")), if: .always)
    }
    #expect([byPut, byUpdate] == [.invalidRequest, .invalidRequest])
    #expect(try table.get(Self.good, consistency: .strong) == item)
  }

  @Test("a transaction of more than 4 MB is refused", arguments: Backend.atomic)
  func transactionSize(_ backend: Backend) throws {
    let table = try backend.open().table
    let block = Value.bytes(Array(repeating: 1, count: 400_000))
    let writes = (0..<11).map {
      TransactionWrite.put(Item(key: ItemKey(partition: "p", sort: "\($0)"), attributes: ["b": block]))
    }
    #expect(code { () throws(TableError) in try table.transact(writes) } == .invalidRequest)
    // MiniStack counts the Base64 of bytes, DynamoDB the bytes.
    try table.transact(Array(writes.prefix(backend == .ministack ? 7 : 10)))
  }

  @Test("an attribute is changed in one way at a time", arguments: Backend.allCases)
  func conflictingChanges(_ backend: Backend) throws {
    let table = try backend.open().table
    try table.put(Item(key: Self.good, attributes: ["n": .number(1)]), if: .always)
    var setAndAdd = Change.setting("n", .number(1))
    setAndAdd.add["n"] = 1
    var setAndRemove = Change.setting("n", .number(1))
    setAndRemove.remove = ["n"]
    var addAndRemove = Change.adding(1, to: "n")
    addAndRemove.remove = ["n"]
    for change in [setAndAdd, setAndRemove, addAndRemove] {
      #expect(
        code { () throws(TableError) in try table.update(Self.good, change: change, if: .always) } == .invalidRequest)
    }
  }

  @Test("a name is ASCII, not empty, and not taken", arguments: ["", "é", "pk", "sk", "expires"])
  func names(_ name: String) throws {
    let table = try Backend.memory.open().table
    let byPut = code { () throws(TableError) in
      try table.put(Item(key: Self.good, attributes: [name: .number(1)]), if: .always)
    }
    let byUpdate = code { () throws(TableError) in
      try table.update(Self.good, change: .setting(name, .number(1), creates: true), if: .always)
    }
    #expect([byPut, byUpdate] == [.invalidRequest, .invalidRequest])
  }

  @Test("a query asks for at least one item, of a partition that can be", arguments: Backend.allCases)
  func queries(_ backend: Backend) throws {
    let table = try backend.open().table
    for query in [Query(partition: "p", limit: 0), Query(partition: "p", limit: -1), Query(partition: "")] {
      #expect(code { () throws(TableError) in _ = try table.query(query) } == .invalidRequest)
    }
  }

  @Test("a refusal says what was tried on which item and which rule it broke")
  func words() throws {
    let table = try Backend.memory.open().table
    do throws(TableError) {
      try table.put(Item(key: ItemKey(partition: "p", sort: "")), if: .always)
      Issue.record("the put went through")
    } catch {
      #expect("\(error)" == "table put p/: the request is not allowed (a sort key has 1 to 1,024 bytes, this one 0)")
    }
  }
}
