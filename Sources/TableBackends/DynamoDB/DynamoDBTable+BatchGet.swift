package import ConnectionStore
import JSON
import Telemetry

extension DynamoDBTable {
  /// DynamoDB's limit on the keys of one request.
  private static let batchKeys = 100

  /// Each item at the price of a get, in one request for a hundred.
  package func get(_ keys: [ItemKey]) throws(TableError) -> [Item?] {
    if keys.count == 1 { return [try get(keys[0], consistency: .strong)] }
    for key in keys { try RequestRules.check(key, operation: "get") }
    var found: [ItemKey: Item] = [:]
    // DynamoDB refuses a request in which a key stands twice.
    var seen: Set<ItemKey> = []
    var rest = keys.filter { seen.insert($0).inserted }[...]
    var attempt = 1
    while !rest.isEmpty {
      let batch = rest.prefix(Self.batchKeys)
      let answer = try ask(for: batch)
      for item in answer.items where !item.isExpired(at: clock.seconds) { found[item.key] = item }
      rest = batch.filter(answer.left.contains) + rest.dropFirst(batch.count)
      guard !answer.left.isEmpty else {
        attempt = 1
        continue
      }
      guard caller.pause(afterAttempts: attempt) else {
        throw TableError(
          code: .throttled, operation: "get", key: rest.first, detail: "\(answer.left.count) items were not read")
      }
      attempt += 1
    }
    return keys.map { found[$0] }
  }

  private func ask(for keys: ArraySlice<ItemKey>) throws(TableError) -> BatchGetAnswer {
    var writer = JSONWriter(reservingBytes: 4_096)
    writer.object { writer in
      writer.key("RequestItems")
      writer.object { writer in
        writer.key(tableName)
        writer.object { writer in
          writer.member("ConsistentRead", true)
          writer.key("Keys")
          writer.array { writer in for key in keys { writer.element(itemKey: key) } }
        }
      }
    }
    let body = try send(.init(operation: "BatchGetItem", body: writer.bytes, verb: "get", key: keys.first))
    do throws(JSONError) { return try BatchGetAnswer(body) } catch {
      throw Answer.corrupt("get", key: keys.first, error: error)
    }
  }
}

/// What a BatchGetItem answers: `{"Responses":{"T":[{…}]},"UnprocessedKeys":{"T":{"Keys":[{…}]}}}`.
private struct BatchGetAnswer {
  private(set) var items: [Item] = []
  /// The keys that DynamoDB says it did not look at.
  private(set) var left: Set<ItemKey> = []

  init(_ body: [UInt8]) throws(JSONError) {
    var reader = JSONReader(body)
    try reader.beginObject()
    while let name = try reader.nextKey() {
      switch name {
      case "Responses":
        try reader.beginObject()
        while try reader.nextKey() != nil { items += try Self.items(&reader) }
      case "UnprocessedKeys": try readLeft(&reader)
      default: try reader.skip()
      }
    }
  }

  private mutating func readLeft(_ reader: inout JSONReader) throws(JSONError) {
    if try reader.null() { return }
    try reader.beginObject()
    while try reader.nextKey() != nil {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        if name == "Keys" { left.formUnion(try Self.items(&reader).map(\.key)) } else { try reader.skip() }
      }
    }
  }

  private static func items(_ reader: inout JSONReader) throws(JSONError) -> [Item] {
    var items: [Item] = []
    try reader.beginArray()
    while try reader.nextElement() {
      if let item = try reader.item() { items.append(item) }
    }
    return items
  }
}
