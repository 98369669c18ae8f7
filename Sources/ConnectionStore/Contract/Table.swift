/// One table with DynamoDB's semantics: items under a partition key and a sort key, few verbs, each atomic.
///
/// Every sentence here holds for every backend, and the contract suite in `Tests/ConnectionStoreTests` has a test for
/// it.
///
/// **Expiry.** An item whose `expires` is not after now is absent: in gets, in queries, in conditions, in updates and
/// in counters, whether or not the backend has deleted it yet. A put over it, a counter on it, a transaction on it
/// behave as if nothing stood there.
///
/// **Lost answers.** A write that throws `.unavailable` may have been applied. Whoever must know puts a random word
/// into the item and reads it back before believing a refused condition.
package protocol Table: AnyObject {
  /// The item of that key, or nil.
  func get(_ key: ItemKey, consistency: Consistency) throws(TableError) -> Item?

  /// The items of several keys, in their order, nil where there is none: each as a `.strong` get of its own would answer it,
  /// asked for together where the backend can.
  func get(_ keys: [ItemKey]) throws(TableError) -> [Item?]

  /// Replaces the item of that key, whole, or creates it. Throws `.conditionFailed`, having changed nothing, if
  /// `condition` does not hold of the item that stands there.
  func put(_ item: Item, if condition: Condition) throws(TableError)

  /// Changes some attributes of the item of that key and returns it as it is afterwards.
  ///
  /// Never creates the item unless `change.createsItem` says so: an absent item (also one that has expired) throws
  /// `.conditionFailed`. `condition` is looked at before the change.
  @discardableResult
  func update(_ key: ItemKey, change: Change, if condition: Condition) throws(TableError) -> Item

  /// Removes the item of that key; an absent item is not an error unless `condition` asks for it.
  func delete(_ key: ItemKey, if condition: Condition) throws(TableError)

  /// The items of one partition, in the byte order of their sort keys, a page at a time. A page ends at the query's
  /// `limit`, and before it once its items make up 1 MB (as on DynamoDB): only a `next` that is nil says that it was
  /// the last.
  func query(_ query: Query) throws(TableError) -> Page

  /// The pages of several queries, in their order, read side by side where the backend's answers take their time.
  func pages(of queries: [Query]) throws(TableError) -> [Page]

  /// Puts and deletes without conditions and without atomicity: after an error some may have been done, each is
  /// harmless to repeat. Any number; a key may stand in it once only, else `.invalidRequest`.
  func writeBatch(_ writes: [BatchWrite]) throws(TableError)

  /// All of the writes, or none. 1 to 100 of them on distinct keys, 4 MB together, else `.invalidRequest`. If
  /// conditions fail, throws `.transactionFailed` with the places of all that failed, in the order given; so does an
  /// update of an absent item that may not create it.
  func transact(_ writes: [TransactionWrite], durability: Durability) throws(TableError)
}

/// What a write that was answered survives. DynamoDB always keeps it; in memory nothing survives the process.
package enum Durability: Sendable {
  /// The end of the process, however it comes. A power cut may take the last seconds with it, but never the order: what
  /// is left is what stood at some moment.
  case process
  /// A power cut too: the answer waits for the disk. Everything that was written before survives with it.
  case disk
}

extension Table {
  package func get(_ keys: [ItemKey]) throws(TableError) -> [Item?] {
    var items: [Item?] = []
    for key in keys { items.append(try get(key, consistency: .strong)) }
    return items
  }

  package func pages(of queries: [Query]) throws(TableError) -> [Page] {
    var pages: [Page] = []
    for query in queries { pages.append(try self.query(query)) }
    return pages
  }

  /// The items of every page, in order.
  package func items(of query: Query) throws(TableError) -> [Item] {
    var query = query
    var items: [Item] = []
    repeat {
      let page = try self.query(query)
      items += page.items
      query.after = page.next
    } while query.after != nil
    return items
  }

  /// All of the writes, or none, with `.process` durability.
  package func transact(_ writes: [TransactionWrite]) throws(TableError) {
    try transact(writes, durability: .process)
  }

  /// Adds to a whole-number attribute in one step and returns the sum. An absent or expired item, and an absent
  /// attribute, count as zero, so the first call returns `amount`; `expires` is set only when the item is created.
  package func increment(
    _ key: ItemKey, attribute: String, by amount: Int64 = 1, expires: Int64? = nil
  ) throws(TableError) -> Int64 {
    var change = Change()
    change.add[attribute] = amount
    change.createsItem = true
    change.expiresOnCreation = expires
    guard case .number(let sum)? = try update(key, change: change, if: .always)[attribute] else {
      throw TableError(code: .corrupt, operation: "increment", key: key, detail: "'\(attribute)' is not a number")
    }
    return sum
  }
}

/// Whether a read sees every write that was answered before it (`strong`), or may miss the newest (`eventual`, at half
/// the price on DynamoDB). SQLite and memory are always strong.
package enum Consistency: Sendable {
  case strong
  case eventual
}

/// The name of one item: `partition` 1 to 2,048 bytes, `sort` 1 to 1,024 bytes of UTF-8, any character allowed. Two
/// keys are one if their bytes are: unlike a `String`, a key tells a composed "é" from an "e" with its accent.
package struct ItemKey: Hashable, Sendable, CustomStringConvertible {
  package let partition: String
  package let sort: String

  package init(partition: String, sort: String) {
    self.partition = partition
    self.sort = sort
  }

  package var description: String { "\(partition)/\(sort)" }

  package static func == (left: ItemKey, right: ItemKey) -> Bool {
    left.sort.utf8.elementsEqual(right.sort.utf8) && left.partition.utf8.elementsEqual(right.partition.utf8)
  }
}

/// One attribute's value. A string or a byte array may be empty. Strings are compared by their bytes, as keys are.
package enum Value: Hashable, Sendable {
  case string(String)
  case number(Int64)
  case bytes([UInt8])

  package static func == (left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
    case (.number(let left), .number(let right)): left == right
    case (.bytes(let left), .bytes(let right)): left == right
    default: false
    }
  }
}

/// A key with its attributes. At most 400 KB, key, names and values counted together (DynamoDB's limit, kept
/// everywhere).
///
/// A name has 1 to 255 bytes of ASCII; `pk`, `sk` and `expires` are taken, since DynamoDB keeps key and expiry beside
/// the attributes.
package struct Item: Equatable, Sendable {
  package let key: ItemKey
  package var attributes: [String: Value]
  /// Seconds since the epoch from which on the item counts as absent; nil: it stays.
  package var expires: Int64?

  package init(key: ItemKey, attributes: [String: Value] = [:], expires: Int64? = nil) {
    self.key = key
    self.attributes = attributes
    self.expires = expires
  }

  package subscript(_ name: String) -> Value? {
    get { attributes[name] }
    set { attributes[name] = newValue }
  }

  package func string(_ name: String) -> String? {
    if case .string(let value)? = attributes[name] { value } else { nil }
  }

  package func number(_ name: String) -> Int64? {
    if case .number(let value)? = attributes[name] { value } else { nil }
  }

  package func bytes(_ name: String) -> [UInt8]? {
    if case .bytes(let value)? = attributes[name] { value } else { nil }
  }
}

/// What must hold of the item that stands under a key before a write is done.
package indirect enum Condition: Equatable, Sendable {
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
package struct Change: Equatable, Sendable {
  package var set: [String: Value] = [:]
  /// Added to a number; a missing attribute counts as zero. Another kind of value there, or a sum beyond 64 bits, is
  /// `.invalidRequest`.
  package var add: [String: Int64] = [:]
  package var remove: Set<String> = []
  package var expires: Expiry = .keep
  package var createsItem = false
  /// The expiry if the update creates the item; for an item that is there, `expires` decides.
  package var expiresOnCreation: Int64?

  package enum Expiry: Equatable, Sendable {
    case keep
    /// Seconds since the epoch.
    case at(Int64)
    case never
  }

  package init() {}
}

/// Which items of a partition to read.
package struct Query: Equatable, Sendable {
  package var partition: String
  package var sort: SortRange
  /// How many live items the page may hold, at least 1: expired ones are read over and not counted.
  package var limit: Int
  /// Only items after this sort key are read: the `next` of the page before, or any other, whether an item stands there
  /// or not.
  package var after: String?
  package var consistency: Consistency

  package enum SortRange: Equatable, Sendable {
    case all
    case prefix(String)
    /// Both ends belong to it; nil: open on that side. Nothing lies between ends in the wrong order.
    case between(String?, String?)
  }

  package init(
    partition: String, sort: SortRange = .all, limit: Int = 1000, after: String? = nil,
    consistency: Consistency = .strong
  ) {
    self.partition = partition
    self.sort = sort
    self.limit = limit
    self.after = after
    self.consistency = consistency
  }
}

/// Part of a query's answer.
package struct Page: Equatable, Sendable {
  package let items: [Item]
  /// Where to go on, nil after the last page. A page may be empty and still have a `next`.
  package let next: String?

  package init(_ items: [Item], next: String?) {
    self.items = items
    self.next = next
  }
}

package enum BatchWrite: Equatable, Sendable {
  case put(Item)
  case delete(ItemKey)

  package var key: ItemKey {
    switch self {
    case .put(let item): item.key
    case .delete(let key): key
    }
  }
}

package enum TransactionWrite: Equatable, Sendable {
  case put(Item, if: Condition = .always)
  case update(ItemKey, Change, if: Condition = .always)
  case delete(ItemKey, if: Condition = .always)
  /// Changes nothing; the transaction fails unless the condition holds.
  case check(ItemKey, Condition)

  package var key: ItemKey {
    switch self {
    case .put(let item, _): item.key
    case .update(let key, _, _), .delete(let key, _), .check(let key, _): key
    }
  }
}
