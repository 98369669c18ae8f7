package import ConnectionStore
import JSON
import Telemetry

extension DynamoDBTable {
  package func query(_ query: Query) throws(TableError) -> Page { try pages(of: [query])[0] }

  /// A reading goes on until its page is full or its partition ends, since expired items do not count.
  package func pages(of queries: [Query]) throws(TableError) -> [Page] {
    var readings: [Reading] = []
    for query in queries {
      try RequestRules.check(query)
      readings.append(Reading(query, now: clock.seconds))
    }
    while case let open = readings.indices.filter({ !readings[$0].isDone }), !open.isEmpty {
      let calls = open.map { call(readings[$0]) }
      for ((index, call), outcome) in zip(zip(open, calls), caller.send(calls)) {
        do throws(CallFailure) {
          try readings[index].append(outcome.get(), key: call.key!)
        } catch {
          throw error.tableError(call, location: caller.location)
        }
      }
    }
    return readings.map(\.page)
  }

  private func call(_ reading: Reading) -> DynamoDBCaller.Call {
    var expression = Expression(now: clock.seconds)
    let condition = expression.keyCondition(reading.query)
    let filter = expression.unexpired()
    let partition = reading.query.partition
    let body = request { writer in
      writer.member("KeyConditionExpression", condition)
      writer.member("FilterExpression", filter)
      writer.member("Limit", reading.limit)
      if reading.query.consistency == .strong { writer.member("ConsistentRead", true) }
      if let start = reading.start {
        writer.member("ExclusiveStartKey", itemKey: ItemKey(partition: partition, sort: start))
      }
      expression.write(to: &writer)
    }
    return .init(
      operation: "Query", body: body, verb: "query", key: ItemKey(partition: partition, sort: reading.start ?? "-"))
  }
}

/// How far a query is read.
private struct Reading {
  let query: Query
  private let now: Int64
  private var builder: PageBuilder
  private var count = 0
  /// The sort key after which DynamoDB is to go on.
  private(set) var start: String?
  private(set) var isDone: Bool

  init(_ query: Query, now: Int64) {
    self.query = query
    self.now = now
    builder = PageBuilder(limit: query.limit)
    start = Self.start(of: query)
    isDone = SortBounds(query).isEmpty
  }

  var page: Page { builder.page }

  /// One more than the page needs shows whether there is another page.
  var limit: Int { min(query.limit - count, 9_999) + 1 }

  mutating func append(_ answer: [UInt8], key: ItemKey) throws(CallFailure) {
    let (items, last): ([Item], String?)
    do throws(TableError) { (items, last) = try Answer.items(in: answer, verb: "query", key: key) } catch {
      throw .garbled(error.detail)
    }
    for item in items where !item.isExpired(at: now) {
      guard builder.append(item) else {
        isDone = true
        return
      }
      count += 1
    }
    start = last
    isDone = last == nil
  }

  /// Only a key inside the range may be named to DynamoDB.
  private static func start(of query: Query) -> String? {
    guard let after = query.after else { return nil }
    var whole = query
    whole.after = nil
    return Array(after.utf8).lexicographicallyPrecedes(SortBounds(whole).from) ? nil : after
  }
}

/// What answers hold.
enum Answer {
  /// The item under a member, if there is one.
  static func item(_ member: String, in body: [UInt8], verb: String, key: ItemKey) throws(TableError) -> Item? {
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
      throw corrupt(verb, key: key, error: error)
    }
  }

  /// The items of a query's answer, and the sort key at which it stopped, if it did.
  static func items(in body: [UInt8], verb: String, key: ItemKey) throws(TableError) -> ([Item], last: String?) {
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
      throw corrupt(verb, key: key, error: error)
    }
  }

  static func corrupt(_ verb: String, key: ItemKey?, error: JSONError) -> TableError {
    TableError(code: .corrupt, operation: verb, key: key, detail: "DynamoDB's answer: \(error)")
  }
}
