/// A table that hands its calls on to another: one that fails, counts or holds up calls says in `pass` what it does to
/// each.
package protocol ForwardingTable: Table {
  /// Does `body`, which is `call`, on the other table, or does not.
  func pass<Answer>(
    _ call: TableCall, _ body: (any Table) throws(TableError) -> Answer
  ) throws(TableError) -> Answer
}

extension ForwardingTable {
  package func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item? {
    try pass(.get(key)) { (table) throws(TableError) in try table.get(key, consistency: consistency) }
  }

  package func put(_ item: Item, if condition: Condition) throws(TableError) {
    try pass(.put(item.key)) { (table) throws(TableError) in try table.put(item, if: condition) }
  }

  @discardableResult
  package func update(_ key: ItemKey, change: Change, if condition: Condition) throws(TableError) -> Item {
    try pass(.update(key)) { (table) throws(TableError) in try table.update(key, change: change, if: condition) }
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try pass(.delete(key)) { (table) throws(TableError) in try table.delete(key, if: condition) }
  }

  package func query(_ query: Query) throws(TableError) -> Page {
    try pass(.query(query)) { (table) throws(TableError) in try table.query(query) }
  }

  package func writeBatch(_ writes: [BatchWrite]) throws(TableError) {
    try pass(.writeBatch(writes)) { (table) throws(TableError) in try table.writeBatch(writes) }
  }

  package func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    try pass(.transact(writes)) { (table) throws(TableError) in try table.transact(writes, durability: durability) }
  }
}

/// One call to a table, with what it is about.
package enum TableCall {
  case get(ItemKey)
  case put(ItemKey)
  case update(ItemKey)
  case delete(ItemKey)
  case query(Query)
  case writeBatch([BatchWrite])
  case transact([TransactionWrite])

  /// As errors and log lines name it.
  package var operation: String {
    switch self {
    case .get: "get"
    case .put: "put"
    case .update: "update"
    case .delete: "delete"
    case .query: "query"
    case .writeBatch: "writeBatch"
    case .transact: "transact"
    }
  }

  /// The item it is about, nil for a call about several.
  package var key: ItemKey? {
    switch self {
    case .get(let key), .put(let key), .update(let key), .delete(let key): key
    case .query, .writeBatch, .transact: nil
    }
  }

  /// The items it may change.
  package var writtenKeys: [ItemKey] {
    switch self {
    case .get, .query: []
    case .put(let key), .update(let key), .delete(let key): [key]
    case .writeBatch(let writes): writes.map(\.key)
    case .transact(let writes): writes.map(\.key)
    }
  }
}
