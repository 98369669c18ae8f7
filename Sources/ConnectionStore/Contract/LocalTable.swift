/// A table that can look and write in one step, so that every conditional write is a transaction of one.
package protocol LocalTable: Table {
  /// Looks at what stands there and does all of the writes, or none. The request has been checked.
  func commit(
    _ writes: [TransactionWrite], operation: String, durability: Durability
  ) throws(TableError) -> [Effect]
}

extension LocalTable {
  package func put(_ item: Item, if condition: Condition) throws(TableError) {
    _ = try commit(one: .put(item, if: condition), operation: "put")
  }

  package func update(_ key: ItemKey, change: Change, if condition: Condition) throws(TableError) -> Item {
    guard case .store(let item) = try commit(one: .update(key, change, if: condition), operation: "update") else {
      preconditionFailure("the effect of an update is an item")
    }
    return item
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    _ = try commit(one: .delete(key, if: condition), operation: "delete")
  }

  package func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    try RequestRules.check(writes)
    _ = try commit(writes, operation: "transact", durability: durability)
  }

  private func commit(one write: TransactionWrite, operation: String) throws(TableError) -> Effect {
    try RequestRules.check([write], operation: operation)
    do throws(TableError) {
      return try commit([write], operation: operation, durability: .process)[0]
    } catch {
      guard case .transactionFailed = error.code else { throw error }
      throw TableError(code: .conditionFailed, operation: operation, key: write.key)
    }
  }
}
