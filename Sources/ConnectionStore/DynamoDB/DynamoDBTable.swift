package import AWSClient
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
    _ place: DynamoDBPlace, _ session: SignedSession, clock: Clock = .system, randomness: Randomness = .system,
    deadline: CallDeadline = CallDeadline()
  ) {
    caller = DynamoDBCaller(place, session, clock: clock, randomness: randomness, deadline: deadline)
    self.clock = clock
    self.randomness = randomness
  }

  var tableName: String { caller.place.table }

  func send(_ call: DynamoDBCaller.Call) throws(TableError) -> [UInt8] {
    do throws(CallFailure) { return try caller.send(call) } catch { throw error.tableError(call, caller.place) }
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

  package func get(_ key: ItemKey, _ consistency: Consistency) throws(TableError) -> Item? {
    try RequestRules.check(key, "get")
    let body = request { writer in
      writer.member("Key", key)
      if consistency == .strong { writer.member("ConsistentRead", true) }
    }
    let answer = try send(.init(operation: "GetItem", body: body, verb: "get", key: key))
    guard let item = try Answer.item("Item", in: answer, "get", key), !item.isExpired(at: clock.seconds) else {
      return nil
    }
    return item
  }

  package func put(_ item: Item, if condition: Condition) throws(TableError) {
    try RequestRules.check([.put(item, if: condition)], "put")
    var expression = Expression(now: clock.seconds)
    let text = expression.condition(condition)
    let body = request { writer in
      writer.member("Item", item)
      writer.member("ConditionExpression", ifPresent: text)
      expression.write(to: &writer)
    }
    _ = try send(.init(operation: "PutItem", body: body, verb: "put", key: item.key))
  }

  package func delete(_ key: ItemKey, if condition: Condition) throws(TableError) {
    try RequestRules.check([.delete(key, if: condition)], "delete")
    var expression = Expression(now: clock.seconds)
    let text = expression.condition(condition)
    let body = request { writer in
      writer.member("Key", key)
      writer.member("ConditionExpression", ifPresent: text)
      expression.write(to: &writer)
    }
    _ = try send(.init(operation: "DeleteItem", body: body, verb: "delete", key: key))
  }

  /// Each failed attempt means that another's change was done.
  static let attempts = 32

  /// One call where the item is there; where it is made, or where the condition fails, a read and perhaps a put more.
  package func update(_ key: ItemKey, _ change: Change, if condition: Condition) throws(TableError) -> Item {
    try RequestRules.check([.update(key, change, if: condition)], "update")
    for _ in 0..<Self.attempts {
      do throws(TableError) {
        return try updateLive(key, change, condition)
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
      let standing = try get(key, .strong)
      guard condition.holds(of: standing), standing != nil || change.createsItem else {
        throw TableError(.conditionFailed, "update", key: key)
      }
      // Throws where the change itself cannot be made; else somebody came in between, or the item has to be made.
      let item = try change.applied(to: standing, key, "update")
      guard standing == nil else { continue }
      do throws(TableError) {
        try put(item, if: .absent)
        return item
      } catch {
        guard error.code == .conditionFailed else { throw error }
      }
    }
    throw TableError(.contention, "update", key: key, detail: "\(Self.attempts) attempts")
  }

  private func updateLive(_ key: ItemKey, _ change: Change, _ condition: Condition) throws(TableError) -> Item {
    var expression = Expression(now: clock.seconds)
    let (update, text) = expression.change(change, condition)
    let body = request { writer in
      writer.member("Key", key)
      writer.member("UpdateExpression", ifPresent: update)
      writer.member("ConditionExpression", text)
      writer.member("ReturnValues", "ALL_NEW")
      expression.write(to: &writer)
    }
    var call = DynamoDBCaller.Call(operation: "UpdateItem", body: body, verb: "update", key: key)
    // A sum that was added twice is another sum.
    call.isRepeatable = change.add.isEmpty
    guard let item = try Answer.item("Attributes", in: try send(call), "update", key) else {
      throw TableError(.corrupt, "update", key: key, detail: "the answer holds no item")
    }
    return item
  }
}

extension Expression {
  /// The texts of an update of a live item.
  mutating func change(_ change: Change, _ condition: Condition) -> (update: String?, condition: String) {
    let update = update(change)
    var text = self.condition(ofLive: condition)
    if let bounds = boundsOfSums(change) { text += " AND \(bounds)" }
    return (update, text)
  }
}
