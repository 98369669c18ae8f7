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

  package static func check(_ key: ItemKey, _ operation: String) throws(TableError) {
    guard partitionBytes.contains(key.partition.utf8.count) else {
      throw refusal(operation, key, "a partition key has 1 to 2,048 bytes, this one \(key.partition.utf8.count)")
    }
    guard sortBytes.contains(key.sort.utf8.count) else {
      throw refusal(operation, key, "a sort key has 1 to 1,024 bytes, this one \(key.sort.utf8.count)")
    }
  }

  package static func check(_ item: Item, _ operation: String) throws(TableError) {
    try check(item.key, operation)
    for name in item.attributes.keys { try check(name: name, operation, item.key) }
    guard item.size <= itemBytes else {
      throw refusal(operation, item.key, "an item has at most \(itemBytes) bytes, this one \(item.size)")
    }
  }

  package static func check(_ query: Query) throws(TableError) {
    try check(ItemKey(query.partition, "-"), "query")
    guard query.limit >= 1 else {
      throw refusal("query", nil, "a page's limit is at least 1, not \(query.limit)")
    }
    let bounds: [String?] =
      switch query.sort {
      case .all: []
      case .prefix(let prefix): [prefix]
      case .between(let from, let to): [from, to]
      }
    guard (bounds + [query.after]).allSatisfy({ $0.map { $0.utf8.count <= sortBytes.upperBound } ?? true }) else {
      throw refusal("query", nil, "a bound of a sort key has at most 1,024 bytes")
    }
  }

  package static func check(_ writes: [BatchWrite]) throws(TableError) {
    try checkDistinct(writes.map(\.key), "writeBatch")
    for write in writes {
      switch write {
      case .put(let item): try check(item, "writeBatch")
      case .delete(let key): try check(key, "writeBatch")
      }
    }
  }

  /// `operation`: a single put, update or delete is checked as a transaction of one.
  package static func check(_ writes: [TransactionWrite], _ operation: String = "transact") throws(TableError) {
    guard transactionWrites.contains(writes.count) else {
      throw refusal(operation, nil, "a transaction has 1 to 100 writes, this one \(writes.count)")
    }
    if writes.count > 1 { try checkDistinct(writes.map(\.key), operation) }
    var bytes = 0
    for write in writes {
      switch write {
      case .put(let item, _):
        try check(item, operation)
        bytes += item.size
      case .update(let key, let change, _):
        try check(key, operation)
        try check(change, operation, key)
        bytes += change.set.reduce(0) { $0 + $1.key.utf8.count + $1.value.size }
      case .delete(let key, _), .check(let key, _): try check(key, operation)
      }
    }
    guard bytes <= transactionBytes else {
      throw refusal(operation, nil, "a transaction has at most \(transactionBytes) bytes, this one \(bytes)")
    }
  }

  private static func check(_ change: Change, _ operation: String, _ key: ItemKey) throws(TableError) {
    for names in [Array(change.set.keys), Array(change.add.keys), Array(change.remove)] {
      for name in names { try check(name: name, operation, key) }
    }
    let twice =
      change.add.keys.first { change.set[$0] != nil || change.remove.contains($0) }
      ?? change.remove.first { change.set[$0] != nil }
    if let twice { throw refusal(operation, key, "'\(twice)' is changed in two ways at once") }
  }

  private static func check(name: String, _ operation: String, _ key: ItemKey) throws(TableError) {
    guard nameBytes.contains(name.utf8.count), name.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw refusal(operation, key, "an attribute's name has 1 to 255 bytes of ASCII, not '\(name)'")
    }
    guard name != "pk", name != "sk", name != "expires" else {
      throw refusal(operation, key, "an attribute may not be named '\(name)'")
    }
  }

  private static func checkDistinct(_ keys: [ItemKey], _ operation: String) throws(TableError) {
    var seen: Set<ItemKey> = []
    for key in keys where !seen.insert(key).inserted { throw refusal(operation, key, "the key stands there twice") }
  }

  private static func refusal(_ operation: String, _ key: ItemKey?, _ detail: String) -> TableError {
    TableError(.invalidRequest, operation, key: key, detail: detail)
  }
}
