/// Which items of a partition to read.
public struct Query: Equatable, Sendable {
  /// The partition that is read.
  public var partition: String
  /// Which sort keys.
  public var sort: SortRange
  /// How many live items the page may hold, at least 1: expired ones are read over and not counted.
  public var limit: Int
  /// Only items after this sort key are read: the `next` of the page before, or any other, whether an item stands there
  /// or not.
  public var after: String?
  /// Whether it may miss the newest writes.
  public var consistency: Consistency

  /// Which sort keys of a partition, by their bytes.
  public enum SortRange: Equatable, Sendable {
    case all
    case prefix(String)
    /// Both ends belong to it; nil: open on that side. Nothing lies between ends in the wrong order.
    case between(String?, String?)
  }

  /// All of a partition, unless a part of it is named.
  public init(
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
public struct Page: Equatable, Sendable {
  /// In the byte order of their sort keys.
  public let items: [Item]
  /// Where to go on, nil after the last page. A page may be empty and still have a `next`.
  public let next: String?

  /// For a table of one's own.
  public init(_ items: [Item], next: String?) {
    self.items = items
    self.next = next
  }
}
