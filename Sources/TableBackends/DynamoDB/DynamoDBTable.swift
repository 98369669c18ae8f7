package import AWS
package import ConnectionStore
import JSON
package import Telemetry

/// The table on DynamoDB: partition key `pk`, sort key `sk`, time to live `expires`.
///
/// Whatever is expired counts as absent here, though DynamoDB may show it for days: every condition asks for it, every
/// read passes over it.
package final class DynamoDBTable: Table {
  let caller: DynamoDBCaller
  let clock: Clock
  let randomness: Randomness

  /// `clock` decides what is expired and waits between attempts; the session's own signs.
  package init(
    location: DynamoDBLocation, session: SignedSession, clock: Clock = .system, randomness: Randomness = .system,
    deadline: CallDeadline = CallDeadline()
  ) {
    caller = DynamoDBCaller(location, session, clock: clock, randomness: randomness, deadline: deadline)
    self.clock = clock
    self.randomness = randomness
  }

  var tableName: String { caller.location.table }

  func send(_ call: DynamoDBCaller.Call) throws(TableError) -> [UInt8] {
    do throws(CallFailure) { return try caller.send(call) } catch {
      throw error.tableError(call, location: caller.location)
    }
  }

  func request(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 512)
    writer.object { writer in
      writer.member("TableName", tableName)
      members(&writer)
    }
    return writer.bytes
  }

  // MARK: One item

  package func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item? {
    try RequestRules.check(key, operation: "get")
    let body = request { writer in
      writer.member("Key", itemKey: key)
      if consistency == .strong { writer.member("ConsistentRead", true) }
    }
    let answer = try send(.init(operation: "GetItem", body: body, verb: "get", key: key))
    guard let item = try Answer.item("Item", in: answer, verb: "get", key: key), !item.isExpired(at: clock.seconds)
    else {
      return nil
    }
    return item
  }

  package func put(_ item: Item, if condition: Condition) throws(TableError) {
    try RequestRules.check([.put(item, if: condition)], operation: "put")
    var expression = Expression(now: clock.seconds)
    let text = expression.condition(condition)
    let body = request { writer in
      writer.member("Item", item: item)
      writer.member("ConditionExpression", ifPresent: text)
      expression.write(to: &writer)
    }
    _ = try send(.init(operation: "PutItem", body: body, verb: "put", key: item.key))
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try RequestRules.check([.delete(key, if: condition)], operation: "delete")
    var expression = Expression(now: clock.seconds)
    let text = expression.condition(condition)
    let body = request { writer in
      writer.member("Key", itemKey: key)
      writer.member("ConditionExpression", ifPresent: text)
      expression.write(to: &writer)
    }
    _ = try send(.init(operation: "DeleteItem", body: body, verb: "delete", key: key))
  }

  /// Each failed attempt means that another's change was done.
  static let attempts = 32

  /// One call where the item is there; where it is made, or where the condition fails, a read and perhaps a put more.
  package func update(_ key: ItemKey, change: Change, if condition: Condition) throws(TableError) -> Item {
    try RequestRules.check([.update(key, change, if: condition)], operation: "update")
    for _ in 0..<Self.attempts {
      do throws(TableError) {
        return try updateLive(key, change: change, condition: condition)
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      let current = try get(key, consistency: .strong)
      guard condition.holds(of: current), current != nil || change.createsItem else {
        throw TableError(code: .conditionFailed, operation: "update", key: key)
      }
      // Throws where the change itself cannot be made; else another write came in between, or the item has to be made.
      let item = try change.applied(to: current, key: key, operation: "update")
      guard current == nil else { continue }
      do throws(TableError) {
        try put(item, if: .absent)
        return item
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
    }
    throw TableError(code: .contention, operation: "update", key: key, detail: "\(Self.attempts) attempts")
  }

  private func updateLive(_ key: ItemKey, change: Change, condition: Condition) throws(TableError) -> Item {
    var expression = Expression(now: clock.seconds)
    let (update, text) = expression.change(change, condition: condition)
    let body = request { writer in
      writer.member("Key", itemKey: key)
      writer.member("UpdateExpression", ifPresent: update)
      writer.member("ConditionExpression", text)
      writer.member("ReturnValues", "ALL_NEW")
      expression.write(to: &writer)
    }
    var call = DynamoDBCaller.Call(operation: "UpdateItem", body: body, verb: "update", key: key)
    // A sum that was added twice is another sum.
    call.isRepeatable = change.add.isEmpty
    guard let item = try Answer.item("Attributes", in: try send(call), verb: "update", key: key) else {
      throw TableError(code: .corrupt, operation: "update", key: key, detail: "the answer holds no item")
    }
    return item
  }
}

extension Expression {
  /// The texts of an update of a live item.
  mutating func change(_ change: Change, condition: Condition) -> (update: String?, condition: String) {
    let update = update(change)
    var text = self.condition(ofLive: condition)
    if let bounds = boundsOfSums(change) { text += " AND \(bounds)" }
    return (update, text)
  }
}
