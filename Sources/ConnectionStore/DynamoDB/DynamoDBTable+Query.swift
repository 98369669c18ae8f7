package import ConnectionStore
import JSON
import Telemetry

extension DynamoDBTable {
  package func query(_ query: Query) throws(TableError) -> Page {
    try RequestRules.check(query)
    let bounds = SortBounds(query)
    var builder = PageBuilder(limit: query.limit)
    guard !bounds.isEmpty else { return builder.page }
    let now = clock.seconds
    var start = startKey(query)
    var count = 0
    while true {
      let key = ItemKey(query.partition, start ?? "-")
      let body = body(of: query, from: start, limit: min(query.limit - count, 9_999) + 1)
      let answer = try send(.init(operation: "Query", body: body, verb: "query", key: key))
      let (items, last) = try Answer.items(in: answer, "query", key)
      for item in items where !item.isExpired(at: now) {
        guard builder.take(item) else { return builder.page }
        count += 1
      }
      guard let last else { return builder.page }
      start = last
    }
  }

  /// Where DynamoDB is to begin: only a key inside the range may be named.
  private func startKey(_ query: Query) -> String? {
    guard let after = query.after else { return nil }
    var whole = query
    whole.after = nil
    let from = SortBounds(whole).from
    return Array(after.utf8).lexicographicallyPrecedes(from) ? nil : after
  }

  private func body(of query: Query, from start: String?, limit: Int) -> [UInt8] {
    var expression = Expression(now: clock.seconds)
    let condition = expression.keyCondition(query)
    let filter = expression.unexpired()
    return request { writer in
      writer.member("KeyConditionExpression", condition)
      writer.member("FilterExpression", filter)
      writer.member("Limit", limit)
      if query.consistency == .strong { writer.member("ConsistentRead", true) }
      if let start { writer.member("ExclusiveStartKey", ItemKey(query.partition, start)) }
      expression.write(to: &writer)
    }
  }
}

/// What answers hold.
enum Answer {
  /// The item under a member, if there is one.
  static func item(_ member: String, in body: [UInt8], _ verb: String, _ key: ItemKey) throws(TableError) -> Item? {
    do throws(JSONError) {
      var item: Item?
      var reader = JSONReader(body)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        guard name == member else {
          try reader.skip()
          continue
        }
        item = try reader.item()
        if item == nil { break }
      }
      return item
    } catch {
      throw corrupt(verb, key, error)
    }
  }

  /// The items of a query's answer, and the sort key at which it stopped, if it did.
  static func items(in body: [UInt8], _ verb: String, _ key: ItemKey) throws(TableError) -> ([Item], last: String?) {
    do throws(JSONError) {
      var items: [Item] = []
      var last: String?
      var reader = JSONReader(body)
      try reader.beginObject()
      while let name = try reader.nextKey() {
        switch name {
        case "Items":
          try reader.beginArray()
          while try reader.nextElement() {
            if let item = try reader.item() { items.append(item) }
          }
        case "LastEvaluatedKey": last = try reader.null() ? nil : try reader.item()?.key.sort
        default: try reader.skip()
        }
      }
      return (items, last)
    } catch {
      throw corrupt(verb, key, error)
    }
  }

  static func corrupt(_ verb: String, _ key: ItemKey?, _ error: JSONError) -> TableError {
    TableError(.corrupt, verb, key: key, detail: "DynamoDB's answer: \(error)")
  }
}
