/// One table with DynamoDB's semantics: items under a partition key and a sort key, few verbs, each atomic.
///
/// Every sentence here holds for every backend, and the contract suite in `Tests/ConnectionStoreTests` has a test for
/// it.
///
/// **Expiry.** An item whose `expires` is not after now is absent: in gets, in queries, in conditions, in updates and
/// in counters, whether or not the backend has deleted it yet. A put over it, a counter on it, a transaction on it
/// behave as if nothing stood there.
///
/// **Whose rows.** The functions of this project write partitions whose names begin with a few letters and `#`
/// (`c#`, `l#`, `cp#`). A handler of one's own begins its own with `app#`, which none of them will ever be.
///
///     let key = ItemKey(partition: "app#visits", sort: "u-1")
///     let visits = try table.increment(key, attribute: "count")      // 1, then 2, whoever counts beside it
///
/// **Lost answers.** A write that throws `.unavailable` may have been applied. Whoever must know puts a random word
/// into the item and reads it back before believing a refused condition.
public protocol Table: AnyObject {
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
public enum Durability: Sendable {
  /// The end of the process, however it comes. A power cut may take the last seconds with it, but never the order: what
  /// is left is what stood at some moment.
  case process
  /// A power cut too: the answer waits for the disk. Everything that was written before survives with it.
  case disk
}

extension Table {
  /// One after the other.
  public func get(_ keys: [ItemKey]) throws(TableError) -> [Item?] {
    var items: [Item?] = []
    for key in keys { items.append(try get(key, consistency: .strong)) }
    return items
  }

  /// One query after the other.
  public func pages(of queries: [Query]) throws(TableError) -> [Page] {
    var pages: [Page] = []
    for query in queries { pages.append(try self.query(query)) }
    return pages
  }

  /// The items of every page, in order.
  public func items(of query: Query) throws(TableError) -> [Item] {
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
  public func transact(_ writes: [TransactionWrite]) throws(TableError) {
    try transact(writes, durability: .process)
  }

  /// Adds to a whole-number attribute in one step and returns the sum. An absent or expired item, and an absent
  /// attribute, count as zero, so the first call returns `amount`; `expires` is set only when the item is created.
  public func increment(
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
public enum Consistency: Sendable {
  case strong
  case eventual
}

/// The name of one item: `partition` 1 to 2,048 bytes, `sort` 1 to 1,024 bytes of UTF-8, any character allowed. Two
/// keys are one if their bytes are: unlike a `String`, a key tells a composed "é" from an "e" with its accent.
public struct ItemKey: Hashable, Sendable, CustomStringConvertible {
  /// What is read together has one partition.
  public let partition: String
  /// The items of a partition are ordered by it.
  public let sort: String

  /// Both are checked when the key is used.
  public init(partition: String, sort: String) {
    self.partition = partition
    self.sort = sort
  }

  /// For messages: `partition/sort`.
  public var description: String { "\(partition)/\(sort)" }

  /// Equal in their bytes.
  public static func == (left: ItemKey, right: ItemKey) -> Bool {
    left.sort.utf8.elementsEqual(right.sort.utf8) && left.partition.utf8.elementsEqual(right.partition.utf8)
  }
}

/// One attribute's value. A string or a byte array may be empty. Strings are compared by their bytes, as keys are.
public enum Value: Hashable, Sendable {
  case string(String)
  case number(Int64)
  case bytes([UInt8])

  /// Equal in their bytes.
  public static func == (left: Value, right: Value) -> Bool {
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
public struct Item: Equatable, Sendable {
  /// What the item is called by.
  public let key: ItemKey
  /// Value by name.
  public var attributes: [String: Value]
  /// Seconds since the epoch from which on the item counts as absent; nil: it stays.
  public var expires: Int64?

  /// Without an expiry it stays.
  public init(key: ItemKey, attributes: [String: Value] = [:], expires: Int64? = nil) {
    self.key = key
    self.attributes = attributes
    self.expires = expires
  }

  /// An attribute's value; nil: there is none.
  public subscript(_ name: String) -> Value? {
    get { attributes[name] }
    set { attributes[name] = newValue }
  }

  /// The attribute if it is a string.
  public func string(_ name: String) -> String? {
    if case .string(let value)? = attributes[name] { value } else { nil }
  }

  /// The attribute if it is a number.
  public func number(_ name: String) -> Int64? {
    if case .number(let value)? = attributes[name] { value } else { nil }
  }

  /// The attribute if it is bytes.
  public func bytes(_ name: String) -> [UInt8]? {
    if case .bytes(let value)? = attributes[name] { value } else { nil }
  }
}
