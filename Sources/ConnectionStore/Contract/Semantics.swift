// What conditions, changes and writes mean, as plain functions of the item that stands there. A backend that can look
// and write in one step (memory, SQLite) uses them as they are; one that sends the request elsewhere (DynamoDB)
// translates it.

extension Item {
  /// Whether the item counts as absent. `now`: seconds since the epoch.
  package func isExpired(at now: Int64) -> Bool { expires.map { $0 <= now } ?? false }

  /// Bytes that count towards the limits: key, names and values. A number counts 11, the most that DynamoDB takes for
  /// 19 digits.
  package var size: Int {
    let key = 4 + key.partition.utf8.count + key.sort.utf8.count
    let expiry = expires == nil ? 0 : 7 + 11
    return attributes.reduce(key + expiry) { $0 + $1.key.utf8.count + $1.value.size }
  }
}

extension Value {
  var size: Int {
    switch self {
    case .string(let text): text.utf8.count
    case .number: 11
    case .bytes(let bytes): bytes.count
    }
  }

  /// Whether both are of one kind and the left one is lower: numbers by value, strings and bytes by bytes.
  static func isLess(_ left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.number(let left), .number(let right)): left < right
    case (.string(let left), .string(let right)): left.utf8.lexicographicallyPrecedes(right.utf8)
    case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
    default: false
    }
  }
}

extension Condition {
  /// Whether it holds of the item that stands there; nil: none, or an expired one.
  package func holds(of item: Item?) -> Bool {
    switch self {
    case .always: true
    case .absent: item == nil
    case .exists: item != nil
    case .equals(let name, let value): item?[name] == value
    case .less(let name, let value): item?[name].map { Value.isLess($0, right: value) } ?? false
    case .greater(let name, let value): item?[name].map { Value.isLess(value, right: $0) } ?? false
    case .lacks(let name): item?[name] == nil
    case .all(let conditions): conditions.allSatisfy { $0.holds(of: item) }
    case .any(let conditions): conditions.contains { $0.holds(of: item) }
    }
  }
}

extension Change {
  /// The item after the change. `item` is the one that stands there; nil: none, and the change creates it.
  package func applied(to item: Item?, key: ItemKey, operation: String) throws(TableError) -> Item {
    var after = item ?? Item(key: key, expires: expiresOnCreation)
    for (name, value) in set { after[name] = value }
    for (name, amount) in add {
      guard case .number(let number) = after[name] ?? .number(0) else {
        throw TableError(code: .invalidRequest, operation: operation, key: key, detail: "'\(name)' is not a number")
      }
      let (sum, overflow) = number.addingReportingOverflow(amount)
      guard !overflow else {
        throw TableError(
          code: .invalidRequest, operation: operation, key: key, detail: "'\(name)' would exceed 64 bits")
      }
      after[name] = .number(sum)
    }
    for name in remove { after[name] = nil }
    if item != nil {
      switch expires {
      case .keep: break
      case .at(let time): after.expires = time
      case .never: after.expires = nil
      }
    }
    try RequestRules.check(after, operation: operation)
    return after
  }
}

/// What one write of a transaction comes to once it is known what stands under its key.
package enum Effect: Equatable, Sendable {
  case store(Item)
  case remove(ItemKey)
  case nothing

  /// What all of the writes come to, in the order given. Throws `.transactionFailed` if a condition does not hold.
  ///
  /// `standing` answers with the live item of a key; it is not asked for a put or a delete without a condition.
  package static func effects(
    of writes: [TransactionWrite], operation: String, current: (ItemKey) throws(TableError) -> Item?
  ) throws(TableError) -> [Effect] {
    var effects: [Effect] = []
    var failed: [Int] = []
    var invalid: TableError?
    effects.reserveCapacity(writes.count)
    for (index, write) in writes.enumerated() {
      let item = write.looksFirst ? try current(write.key) : nil
      guard write.isAllowed(on: item) else {
        failed.append(index)
        continue
      }
      // A condition that fails further on has precedence: the caller can do something about it.
      do throws(TableError) { effects.append(try write.effect(on: item, operation: operation)) } catch {
        invalid = invalid ?? error
      }
    }
    if !failed.isEmpty {
      throw TableError(code: .transactionFailed(failed), operation: operation, key: writes[failed[0]].key)
    }
    if let invalid { throw invalid }
    return effects
  }
}

extension TransactionWrite {
  /// Whether the write depends on what stands there.
  fileprivate var looksFirst: Bool {
    switch self {
    case .put(_, .always), .delete(_, .always): false
    default: true
    }
  }

  fileprivate func isAllowed(on item: Item?) -> Bool {
    switch self {
    case .put(_, let condition), .delete(_, let condition), .check(_, let condition): condition.holds(of: item)
    case .update(_, let change, let condition): condition.holds(of: item) && (item != nil || change.createsItem)
    }
  }

  fileprivate func effect(on item: Item?, operation: String) throws(TableError) -> Effect {
    switch self {
    case .put(let item, _): .store(item)
    case .update(let key, let change, _): .store(try change.applied(to: item, key: key, operation: operation))
    case .delete(let key, _): .remove(key)
    case .check: .nothing
    }
  }
}
