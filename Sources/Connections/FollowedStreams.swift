import Frames
import Messaging

extension ConnectionRecord {
  /// The streams whose events may be for this connection, in a certain order: its user's, its groups', those of the types
  /// it is subscribed to and may see, and the announcements, which have a place in a cursor however many the others are.
  package func streams(types: EventTypeTable) -> [String] {
    var streams = (principal.user.map { [StreamName.user($0)] } ?? []) + principal.groups.map(StreamName.group)
    streams += subscribedStreams(types: types)
    if types.mayBeSeen(Event.announcement, by: principal.role) {
      streams.insert(StreamName.announcements, at: min(streams.count, Cursor.maximumStreams - 1))
    }
    return streams
  }

  /// Those of which a client that says no hello is shown something before what is live: what waits for its user, then the
  /// state of what it asked for.
  package func streamsShownFirst(types: EventTypeTable) -> [String] {
    (principal.user.map { [StreamName.user($0)] } ?? []) + subscribedStreams(types: types)
  }

  /// Those among them that it asked for. Announcements come to it without asking.
  package func subscribedStreams(types: EventTypeTable) -> [String] {
    var names: [String] = []
    var known: Set<[UInt8]> = []
    for entry in subscriptions.active
    where types.mayBeSeen(entry.type, by: principal.role) && !entry.type.hasSameBytes(as: Event.announcement)
      && known.insert(Array(entry.type.utf8)).inserted
    {
      names.append(StreamName.type(entry.type))
    }
    return names
  }
}

extension ConnectionRecord {
  /// The same connection, subscribed to nothing but what a change would bring it that it does not get already, and to
  /// what the change asks for of some streams, whether it gets that or not.
  package func newlySubscribed(by change: SubscriptionChange, also streams: [String] = []) -> ConnectionRecord {
    var changed = subscriptions
    _ = changed.apply(change)
    var newlySubscribed = self
    newlySubscribed.subscriptions = Subscriptions()
    newlySubscribed.subscriptions.entries = changed.active.filter { entry in
      !subscriptions.covers(entry)
        || streams.contains { $0.hasSameBytes(as: StreamName.type(entry.type)) } && change.asks(for: entry)
    }
    return newlySubscribed
  }
}

extension ConnectionRecord {
  /// Notes the topics that a change adds to types which it follows already. Of a type that is new its client's hello tells
  /// whether the state was shown: by then it says what it has seen of that stream.
  mutating func owe(_ change: SubscriptionChange) {
    // The names are ASCII, whatever the types and keys are.
    let standing = Set(subscriptions.active.map(\.topic.name))
    let followed = Set(subscriptions.active.map { Array($0.type.utf8) })
    let added = newlySubscribed(by: change).subscriptions.active
      .filter { followed.contains(Array($0.type.utf8)) }.map(\.topic.name)
    owed = standing.intersection(owed).union(added).sorted()
  }

  /// The same connection, subscribed to nothing but what it is owed the state of; nil: nothing.
  package func owing() -> ConnectionRecord? {
    guard !owed.isEmpty else { return nil }
    var owing = self
    let names = Set(owed)
    owing.subscriptions.entries = subscriptions.active.filter { names.contains($0.topic.name) }
    return owing
  }
}

extension SubscriptionChange {
  /// The streams of what it adds.
  package var streams: [String] {
    var types: Set<[UInt8]> = []
    return add.filter { types.insert(Array($0.type.utf8)).inserted }.map { StreamName.type($0.type) }
  }

  fileprivate func asks(for entry: Subscriptions.Entry) -> Bool {
    add.contains { $0.type.hasSameBytes(as: entry.type) && $0.selector == entry.selector }
  }
}

extension Subscriptions {
  /// Whether everything that another subscription asks for comes by these already.
  fileprivate func covers(_ other: Entry) -> Bool {
    active.contains { entry in
      entry.type.hasSameBytes(as: other.type) && (entry.selector == .all || entry.selector == other.selector)
    }
  }

  /// The keys of a type, if nothing but single keys of it is subscribed to.
  package func onlyKeys(of type: String) -> [String]? {
    var keys: [String] = []
    for entry in active where entry.type.hasSameBytes(as: type) {
      guard case .key(let key) = entry.selector else { return nil }
      keys.append(key)
    }
    return keys
  }
}
