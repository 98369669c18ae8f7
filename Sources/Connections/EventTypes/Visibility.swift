import Messaging

extension EventTypeTable {
  /// The name under which an event is shown to a connection that stands under a topic, by its role and by what its row
  /// there lets through; nil: the event is not for it.
  ///
  /// Every path asks this one: a round by the listener rows; recovery, catching up and history by the connection's own row.
  /// For example: an analyst who subscribed by `signal.created` is shown a `signal` under that name, one to everyone and one
  /// to the analyst alone; a `risk` not at all; an `order:update` of their own only if they asked for that too.
  func shownName(of event: Event, under topic: Topic, role: Role?, filter: ListenerFilter) -> String? {
    guard topic.holds(event), isAllowed(event, to: role) else { return nil }
    return filter.shownName(of: event, under: topic)
  }

  /// Whether the role may see it. What is personal by nature, and what the file does not know, its user or group sees
  /// whatever the role.
  private func isAllowed(_ event: Event, to role: Role?) -> Bool {
    if mayBeSeen(event.type, by: role) { return true }
    return event.audience != .everyone && mayBePersonal(event.type)
  }

  /// Whether an event of that type that is addressed to a user or a group is for every role.
  private func mayBePersonal(_ type: String) -> Bool { isPersonal(type) || !isKnown(type) }

  /// Whether a connection of that role may ask for the type: some events of it may be for the connection.
  func mayBeAskedFor(_ type: String, by role: Role?) -> Bool { mayBeSeen(type, by: role) || mayBePersonal(type) }
}

extension Topic {
  /// Whether the listeners of an event are looked for under this topic.
  fileprivate func holds(_ event: Event) -> Bool { Topic.topics(of: event).contains(self) }
}
