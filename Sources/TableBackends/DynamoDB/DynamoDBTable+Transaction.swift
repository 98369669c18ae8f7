package import ConnectionStore
import JSON
import Telemetry

extension DynamoDBTable {
  /// DynamoDB keeps what it answered, so the durability is always the disk's.
  ///
  /// Bears a token, so that a call whose answer was lost is not done twice.
  package func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError) {
    try RequestRules.check(writes)
    var current = writes
    for _ in 0..<Self.attempts {
      guard let failed = try attempt(current) else { return }
      current = try withoutFailuresOfOurOwn(current, meant: writes, failed: failed)
    }
    throw TableError(code: .contention, operation: "transact", key: writes[0].key, detail: "\(Self.attempts) attempts")
  }

  /// Nil: it is done. Else the places of the conditions that failed.
  private func attempt(_ writes: [TransactionWrite]) throws(TableError) -> [Int]? {
    let call = DynamoDBCaller.Call(
      operation: "TransactWriteItems", body: body(of: writes), verb: "transact", key: writes[0].key)
    do throws(CallFailure) {
      _ = try caller.send(call)
      return nil
    } catch {
      guard case .refused(let refusal) = error, refusal.kind == .cancelled else {
        throw error.tableError(call, location: caller.location)
      }
      let failed = refusal.reasons.indices.filter { refusal.reasons[$0] == "ConditionalCheckFailed" }
      if !failed.isEmpty { return failed }
      let isInvalid = refusal.reasons.contains("ValidationError")
      throw TableError(
        code: isInvalid ? .invalidRequest : .contention, operation: "transact", key: writes[0].key, detail: refusal.text
      )
    }
  }

  /// An update that may create its item asks for a live one; where there is none it has to be a put. And a sum that
  /// would leave 64 bits fails a condition that the caller did not set.
  private func withoutFailuresOfOurOwn(
    _ current: [TransactionWrite], meant: [TransactionWrite], failed: [Int]
  ) throws(TableError) -> [TransactionWrite] {
    var next = current
    var unmet: [Int] = []
    var invalid: TableError?
    for index in failed {
      guard case .update(let key, let change, let condition) = meant[index], change.createsItem || !change.add.isEmpty
      else {
        unmet.append(index)
        continue
      }
      let current = try get(key, consistency: .strong)
      guard condition.holds(of: current), current != nil || change.createsItem else {
        unmet.append(index)
        continue
      }
      do throws(TableError) {
        let item = try change.applied(to: current, key: key, operation: "transact")
        next[index] = current == nil ? .put(item, if: .absent) : meant[index]
      } catch {
        invalid = invalid ?? error
      }
    }
    if !unmet.isEmpty {
      throw TableError(code: .transactionFailed(unmet), operation: "transact", key: meant[unmet[0]].key)
    }
    if let invalid { throw invalid }
    return next
  }

  private func body(of writes: [TransactionWrite]) -> [UInt8] {
    var writer = JSONWriter(reservingBytes: 4_096)
    writer.object { writer in
      writer.member("ClientRequestToken", randomness.hexadecimal() + randomness.hexadecimal())
      writer.key("TransactItems")
      writer.array { writer in
        for write in writes { append(write, to: &writer) }
      }
    }
    return writer.bytes
  }

  private func append(_ write: TransactionWrite, to writer: inout JSONWriter) {
    var expression = Expression(now: clock.seconds)
    writer.object { writer in
      switch write {
      case .put(let item, let condition):
        let text = expression.condition(condition)
        self.write("Put", to: &writer, condition: text, expression: expression) { $0.member("Item", item: item) }
      case .update(let key, let change, let condition):
        let (update, text) = expression.change(change, condition: condition)
        // An update without a change is a check to DynamoDB.
        self.write(update == nil ? "ConditionCheck" : "Update", to: &writer, condition: text, expression: expression) {
          writer in
          writer.member("Key", itemKey: key)
          writer.member("UpdateExpression", ifPresent: update)
        }
      case .delete(let key, let condition):
        let text = expression.condition(condition)
        self.write("Delete", to: &writer, condition: text, expression: expression) { $0.member("Key", itemKey: key) }
      case .check(let key, let condition):
        let text = expression.condition(.all([condition]))
        self.write("ConditionCheck", to: &writer, condition: text, expression: expression) {
          $0.member("Key", itemKey: key)
        }
      }
    }
  }

  private func write(
    _ name: String, to writer: inout JSONWriter, condition: String?, expression: Expression,
    _ members: (inout JSONWriter) -> Void
  ) {
    writer.key(name)
    writer.object { writer in
      writer.member("TableName", tableName)
      members(&writer)
      writer.member("ConditionExpression", ifPresent: condition)
      expression.write(to: &writer)
    }
  }
}
