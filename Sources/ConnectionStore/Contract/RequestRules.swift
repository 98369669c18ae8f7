/// The rules that concern a request alone, in one place, so that every backend refuses the same with `.invalidRequest`.
/// The numbers are DynamoDB's limits.
package enum RequestRules {
  package static let partitionBytes = 1...2048
  package static let sortBytes = 1...1024
  package static let nameBytes = 1...255
  /// 400 KB.
  package static let itemBytes = 409_600
  package static let transactionWrites = 1...100
  /// 4 MB.
  package static let transactionBytes = 4_194_304
  /// 1 MB: where a query's page ends before its limit.
  package static let pageBytes = 1_048_576

  package static func check(_ key: ItemKey, operation: String) throws(TableError) {
    guard partitionBytes.contains(key.partition.utf8.count) else {
      throw refusal(
        operation, key: key, detail: "a partition key has 1 to 2,048 bytes, this one \(key.partition.utf8.count)")
    }
    guard sortBytes.contains(key.sort.utf8.count) else {
      throw refusal(operation, key: key, detail: "a sort key has 1 to 1,024 bytes, this one \(key.sort.utf8.count)")
    }
  }

  package static func check(_ item: Item, operation: String) throws(TableError) {
    try check(item.key, operation: operation)
    for name in item.attributes.keys { try check(name: name, operation: operation, key: item.key) }
    guard item.size <= itemBytes else {
      throw refusal(operation, key: item.key, detail: "an item has at most \(itemBytes) bytes, this one \(item.size)")
    }
  }

  package static func check(_ query: Query) throws(TableError) {
    try check(ItemKey(partition: query.partition, sort: "-"), operation: "query")
    guard query.limit >= 1 else {
      throw refusal("query", key: nil, detail: "a page's limit is at least 1, not \(query.limit)")
    }
    let bounds: [String?] =
      switch query.sort {
      case .all: []
      case .prefix(let prefix): [prefix]
      case .between(let from, let to): [from, to]
      }
    guard (bounds + [query.after]).allSatisfy({ $0.map { $0.utf8.count <= sortBytes.upperBound } ?? true }) else {
      throw refusal("query", key: nil, detail: "a bound of a sort key has at most 1,024 bytes")
    }
  }

  package static func check(_ writes: [BatchWrite]) throws(TableError) {
    try checkDistinct(writes.map(\.key), operation: "writeBatch")
    for write in writes {
      switch write {
      case .put(let item): try check(item, operation: "writeBatch")
      case .delete(let key): try check(key, operation: "writeBatch")
      }
    }
  }

  /// `operation`: a single put, update or delete is checked as a transaction of one.
  package static func check(_ writes: [TransactionWrite], operation: String = "transact") throws(TableError) {
    guard transactionWrites.contains(writes.count) else {
      throw refusal(operation, key: nil, detail: "a transaction has 1 to 100 writes, this one \(writes.count)")
    }
    if writes.count > 1 { try checkDistinct(writes.map(\.key), operation: operation) }
    var bytes = 0
    for write in writes {
      switch write {
      case .put(let item, _):
        try check(item, operation: operation)
        bytes += item.size
      case .update(let key, let change, _):
        try check(key, operation: operation)
        try check(change, operation: operation, key: key)
        bytes += change.set.reduce(0) { $0 + $1.key.utf8.count + $1.value.size }
      case .delete(let key, _), .check(let key, _): try check(key, operation: operation)
      }
    }
    guard bytes <= transactionBytes else {
      throw refusal(
        operation, key: nil, detail: "a transaction has at most \(transactionBytes) bytes, this one \(bytes)")
    }
  }

  private static func check(_ change: Change, operation: String, key: ItemKey) throws(TableError) {
    for names in [Array(change.set.keys), Array(change.add.keys), Array(change.remove)] {
      for name in names { try check(name: name, operation: operation, key: key) }
    }
    let twice =
      change.add.keys.first { change.set[$0] != nil || change.remove.contains($0) }
      ?? change.remove.first { change.set[$0] != nil }
    if let twice { throw refusal(operation, key: key, detail: "'\(twice)' is changed in two ways at once") }
  }

  private static func check(name: String, operation: String, key: ItemKey) throws(TableError) {
    guard nameBytes.contains(name.utf8.count), name.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw refusal(operation, key: key, detail: "an attribute's name has 1 to 255 bytes of ASCII, not '\(name)'")
    }
    guard name != "pk", name != "sk", name != "expires" else {
      throw refusal(operation, key: key, detail: "an attribute may not be named '\(name)'")
    }
  }

  private static func checkDistinct(_ keys: [ItemKey], operation: String) throws(TableError) {
    var seen: Set<ItemKey> = []
    for key in keys where !seen.insert(key).inserted {
      throw refusal(operation, key: key, detail: "the key stands there twice")
    }
  }

  private static func refusal(_ operation: String, key: ItemKey?, detail: String) -> TableError {
    TableError(code: .invalidRequest, operation: operation, key: key, detail: detail)
  }
}
