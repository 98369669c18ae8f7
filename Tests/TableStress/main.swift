// One of several processes that write to one SQLite file at once. Exits with 0 if every write went as the contract
// says.
//
//   TableStress write PATH WORKER COUNT     COUNT mixed writes; prints how many races it won
//   TableStress open PATH USER              opens the table with the rights of the user with that number

import ConnectionStore
import Glibc
import TableBackends

struct Usage: Error {}

func write(_ path: String, worker: String, count: Int) throws -> Int {
  let table = try SQLiteTable(path: path, busyMilliseconds: 30_000)
  var races = 0
  for round in 0..<count {
    switch round % 4 {
    case 0: _ = try table.increment(ItemKey(partition: "counter", sort: "plain"), attribute: "n")
    case 1: races += try race(table, worker, round) ? 1 : 0
    case 2: try transaction(table, worker, round)
    default: try compareAndSet(table)
    }
  }
  return races
}

/// All workers want the same item; one of them gets it.
func race(_ table: SQLiteTable, _ worker: String, _ round: Int) throws -> Bool {
  try put(
    Item(key: ItemKey(partition: "race", sort: "\(round)"), attributes: ["by": .string(worker)]), into: table,
    if: .absent)
}

/// A counter and an item of its own, both or neither.
func transaction(_ table: SQLiteTable, _ worker: String, _ round: Int) throws {
  var change = Change()
  change.add["n"] = 1
  change.createsItem = true
  try table.transact([
    .update(ItemKey(partition: "counter", sort: "transaction"), change),
    .put(
      Item(key: ItemKey(partition: "own#\(worker)", sort: "\(round)"), attributes: ["round": .number(Int64(round))]),
      if: .absent),
  ])
}

/// Read, then write on the condition that nobody has written since.
func compareAndSet(_ table: SQLiteTable) throws {
  let key = ItemKey(partition: "counter", sort: "compared")
  var isDone = false
  while !isDone {
    let sum = try table.get(key, consistency: .strong)?.number("n")
    let condition: Condition = if let sum { .equals("n", .number(sum)) } else { .absent }
    isDone = try put(Item(key: key, attributes: ["n": .number((sum ?? 0) + 1)]), into: table, if: condition)
  }
}

/// Whether the condition held.
func put(_ item: Item, into table: SQLiteTable, if condition: Condition) throws(TableError) -> Bool {
  do throws(TableError) {
    try table.put(item, if: condition)
    return true
  } catch {
    guard error.code == .conditionFailed else { throw error }
    return false
  }
}

do {
  let arguments = CommandLine.arguments.dropFirst()
  switch (arguments.first, arguments.count) {
  case ("write", 4): print(try write(arguments[2], worker: arguments[3], count: Int(arguments[4]) ?? 0))
  case ("open", 3):
    guard let user = UInt32(arguments[3]), setuid(user) == 0 else { throw Usage() }
    _ = try SQLiteTable(path: arguments[2])
  default: throw Usage()
  }
} catch {
  print(error)
  exit(1)
}
