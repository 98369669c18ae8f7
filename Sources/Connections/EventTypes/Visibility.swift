import Messaging

extension EventTypeTable {
  /// The name under which an event is shown to a connection that stands under a topic, by its role and by what its row
  /// there lets through; nil: the event is not for it.
  ///
  /// Every path asks this one: a round by the listener rows, recovery and catching up by the connection's own row. For
  /// example: an analyst who subscribed by `signal.created` is shown a broadcast of `signal` under that name, one of
  /// `risk` not at all, and what is sent to a group of theirs whatever its type.
  func shownName(of event: Event, under topic: Topic, role: Role?, filter: ListenerFilter) -> String? {
    guard topic.holds(event), filter.passes(topic, event: event) else { return nil }
    if event.audience == .everyone, !mayBeSeen(event.type, by: role) { return nil }
    return filter.shownAs ?? event.type
  }
}

extension Topic {
  /// Whether the listeners of an event are looked for under this topic.
  fileprivate func holds(_ event: Event) -> Bool {
    switch (self, event.audience) {
    case (.type(let type), .everyone): event.type.hasSameBytes(as: type)
    case (.key(let type, let key), .everyone):
      event.type.hasSameBytes(as: type) && event.key?.hasSameBytes(as: key) ?? false
    case (.user(let user), .user(let addressed)): addressed.hasSameBytes(as: user)
    case (.group(let group), .group(let addressed)): addressed.hasSameBytes(as: group)
    default: false
    }
  }
}
