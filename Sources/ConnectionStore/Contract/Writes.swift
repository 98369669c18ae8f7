/// What must hold of the item that stands under a key before a write is done.
public indirect enum Condition: Equatable, Sendable {
  case always
  /// No item stands there (or an expired one).
  case absent
  case exists
  /// The item exists and the attribute has that value; a missing attribute equals nothing.
  case equals(String, Value)
  /// The item exists and the attribute is there, of the same kind, and lower: numbers by value, strings and bytes by
  /// bytes.
  case less(String, Value)
  /// As `less`, and higher.
  case greater(String, Value)
  /// The attribute is missing, or the item is.
  case lacks(String)
  case all([Condition])
  case any([Condition])
}

/// What an update does to an item. An attribute may stand in one of `set`, `add`, `remove` only.
public struct Change: Equatable, Sendable {
  /// Values that attributes get.
  public var set: [String: Value] = [:]
  /// Added to a number; a missing attribute counts as zero. Another kind of value there, or a sum beyond 64 bits, is
  /// `.invalidRequest`.
  public var add: [String: Int64] = [:]
  /// Attributes that go; one that is missing is no error.
  public var remove: Set<String> = []
  /// What becomes of the expiry of an item that is there.
  public var expires: Expiry = .keep
  /// Whether an absent item is made, with these attributes.
  public var createsItem = false
  /// The expiry if the update creates the item; for an item that is there, `expires` decides.
  public var expiresOnCreation: Int64?

  /// When an item ends, after an update.
  public enum Expiry: Equatable, Sendable {
    case keep
    /// Seconds since the epoch.
    case at(Int64)
    case never
  }

  /// Changes nothing yet.
  public init() {}
}

/// One write of a batch.
public enum BatchWrite: Equatable, Sendable {
  case put(Item)
  case delete(ItemKey)

  /// The item that it is about.
  public var key: ItemKey {
    switch self {
    case .put(let item): item.key
    case .delete(let key): key
    }
  }
}

/// One write of a transaction, and on which condition.
public enum TransactionWrite: Equatable, Sendable {
  case put(Item, if: Condition = .always)
  case update(ItemKey, Change, if: Condition = .always)
  case delete(ItemKey, if: Condition = .always)
  /// Changes nothing; the transaction fails unless the condition holds.
  case check(ItemKey, Condition)

  /// The item that it is about.
  public var key: ItemKey {
    switch self {
    case .put(let item, _): item.key
    case .update(let key, _, _), .delete(let key, _), .check(let key, _): key
    }
  }
}
