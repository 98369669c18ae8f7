import Messaging

/// When a change of subscriptions was meant to happen. Lambda runs the invocations of one connection side by side and
/// in any order, so the order of arrival says nothing.
package struct Order: Equatable, Sendable {
  /// The client's own count of its changes, if it keeps one: the only order that is certain.
  package let count: Int64?
  /// Else the gateway's time of the request, milliseconds since the epoch, and the message's name.
  package let milliseconds: Int64
  package let messageID: String

  package init(count: Int64?, milliseconds: Int64, messageID: String) {
    self.count = count
    self.milliseconds = milliseconds
    self.messageID = messageID
  }

  package func isAfter(_ other: Order) -> Bool {
    if let count, let otherCount = other.count, count != otherCount { return count > otherCount }
    return (milliseconds, messageID) > (other.milliseconds, other.messageID)
  }
}

/// What a client wants changed.
package struct SubscriptionChange: Equatable, Sendable {
  package var add: [Subscription]
  package var remove: [Removal]
  package var order: Order
  /// Whether it asks for anything, also if nothing of that was granted.
  package var asks: Bool

  package enum Removal: Equatable, Sendable {
    case selector(type: String, Selector)
    /// The type with all its keys.
    case type(String)
    /// All types that begin so: the known ones, which are named here, and those the connection asked for.
    case types(prefix: String, known: [String])
  }

  package init(add: [Subscription] = [], remove: [Removal] = [], order: Order, asks: Bool = false) {
    self.add = add
    self.asks = asks || !add.isEmpty
    self.remove = remove
    self.order = order
  }
}

/// The subscriptions of one connection, with the order of the last change of each, kept for a while after it was
/// removed: whatever order the changes are applied in, the outcome is that of the order they were meant in.
package struct Subscriptions: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    package let type: String
    package let selector: Selector
    package var shownAs: String?
    package var order: Order
    package var isActive: Bool
  }

  package internal(set) var entries: [Entry] = []
  /// The newest removal of a whole type: an older subscription to any key of it comes too late.
  var floors: [Floor] = []
  /// Whether the connection has asked for anything since it came: who has never asked gets every event of its user and its
  /// groups. It stays so, whatever is taken back, and does not depend on the order in which changes are applied.
  package internal(set) var hasAsked = false

  struct Floor: Equatable, Sendable {
    let type: String
    var order: Order
  }

  /// A change comes at most 29 s late (the gateway's limit on an invocation); what was removed longer ago may be
  /// forgotten.
  static let memoryMilliseconds: Int64 = 10 * 60 * 1000

  package init() {}

  package var active: [Entry] { entries.filter(\.isActive) }

  /// Applies what is newer than what it meets. Returns the topics whose listener rows must be written or deleted: empty
  /// if every part of the change came too late.
  package mutating func apply(_ change: SubscriptionChange) -> Set<Topic> {
    var touched: Set<Topic> = []
    if change.asks { hasAsked = true }
    for removal in change.remove { remove(removal, order: change.order, touched: &touched) }
    for subscription in change.add { add(subscription, order: change.order, touched: &touched) }
    if !touched.isEmpty { forget(before: change.order.milliseconds - Self.memoryMilliseconds) }
    return touched
  }

  private mutating func add(_ subscription: Subscription, order: Order, touched: inout Set<Topic>) {
    if let floor = floors.first(where: { $0.type.hasSameBytes(as: subscription.type) }), floor.order.isAfter(order) {
      return
    }
    let entry = Entry(
      type: subscription.type, selector: subscription.selector, shownAs: subscription.shownAs, order: order,
      isActive: true)
    replace(entry, touched: &touched)
  }

  private mutating func remove(
    _ removal: SubscriptionChange.Removal, order: Order, touched: inout Set<Topic>
  ) {
    switch removal {
    case .selector(let type, let selector):
      replace(Entry(type: type, selector: selector, shownAs: nil, order: order, isActive: false), touched: &touched)
    case .type(let type): removeType(type, order: order, touched: &touched)
    case .types(let prefix, let known):
      let types = Set(known + entries.map(\.type).filter { $0.hasBytePrefix(prefix) })
      for type in types.sorted() { removeType(type, order: order, touched: &touched) }
    }
  }

  private mutating func removeType(_ type: String, order: Order, touched: inout Set<Topic>) {
    if let index = floors.firstIndex(where: { $0.type.hasSameBytes(as: type) }) {
      guard order.isAfter(floors[index].order) else { return }
      floors[index].order = order
    } else {
      floors.append(Floor(type: type, order: order))
    }
    touched.insert(.type(type))
    for index in entries.indices where entries[index].type.hasSameBytes(as: type) && order.isAfter(entries[index].order)
    {
      entries[index].isActive = false
      entries[index].order = order
      touched.insert(entries[index].topic)
    }
  }

  private mutating func replace(_ entry: Entry, touched: inout Set<Topic>) {
    if let index = entries.firstIndex(where: { $0.type.hasSameBytes(as: entry.type) && $0.selector == entry.selector })
    {
      guard entry.order.isAfter(entries[index].order) else { return }
      entries[index] = entry
    } else {
      entries.append(entry)
    }
    touched.insert(entry.topic)
  }

  /// Beside the active ones at most 128 removed ones are remembered, the newest: the row has to fit an item of the
  /// table.
  private mutating func forget(before milliseconds: Int64) {
    floors.removeAll { $0.order.milliseconds < milliseconds }
    if floors.count > 64 { floors = Array(floors.sorted { $0.order.isAfter($1.order) }.prefix(64)) }
    entries.removeAll { !$0.isActive && $0.order.milliseconds < milliseconds }
    let removed = entries.filter { !$0.isActive }
    guard removed.count > 128 else { return }
    entries = active + removed.sorted { $0.order.isAfter($1.order) }.prefix(128)
  }

  // MARK: Listener rows

  /// What the listener row of a type's or a key's topic should say, or nil if there should be none.
  func filter(of topic: Topic) -> ListenerFilter? {
    Self.filter(entries.filter { $0.isActive && $0.topic == topic })
  }

  /// What was asked for, by the topics it stands under; nil: nothing ever was. Of an event what decides on it.
  func asked(for event: Event? = nil) -> [Topic: ListenerFilter]? {
    guard hasAsked else { return nil }
    let theirs = event.map { event in active.filter { $0.type.hasSameBytes(as: event.type) } } ?? active
    return Dictionary(grouping: theirs, by: \.topic).compactMapValues(Self.filter)
  }

  /// What entries of one topic come to.
  private static func filter(_ matching: [Entry]) -> ListenerFilter? {
    guard let first = matching.first else { return nil }
    if let all = matching.first(where: { $0.selector == .all || $0.isKeyed }) {
      return ListenerFilter(prefixes: [], shownAs: all.shownAs)
    }
    let prefixes = matching.compactMap { entry in
      if case .prefix(let prefix) = entry.selector { prefix } else { nil }
    }
    return ListenerFilter(prefixes: prefixes, shownAs: first.shownAs)
  }

  /// Every topic that has, or may still have, a listener row.
  var topics: Set<Topic> { Set(entries.map(\.topic)) }
}

extension Subscriptions.Entry {
  /// The topic under which the listener row of this subscription stands.
  var topic: Topic {
    if case .key(let key) = selector { .key(type: type, key: key) } else { .type(type) }
  }

  fileprivate var isKeyed: Bool {
    if case .key = selector { true } else { false }
  }
}
