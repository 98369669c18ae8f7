package import Messaging

/// The events of one stream that are sent in one pass over their listeners.
package struct EventBatch {
  /// Ascending by sequence.
  package let events: [Event]
  /// The topics under which their listeners stand, each once.
  package let topics: [Topic]

  /// One query a topic is open at the same time.
  package static let maximumTopics = 512

  package init(_ events: [Event]) {
    var topics: [Topic] = []
    var known: Set<Topic> = []
    for event in events {
      for topic in Topic.topics(of: event) where known.insert(topic).inserted { topics.append(topic) }
    }
    self.events = events
    self.topics = topics
  }

  /// How many of these events, from the first on, have so few topics.
  package static func fitting(_ events: some Sequence<Event>, topics maximum: Int = maximumTopics) -> Int {
    var known: Set<Topic> = []
    var count = 0
    for event in events {
      known.formUnion(Topic.topics(of: event))
      if known.count > maximum { break }
      count += 1
    }
    return count
  }
}

/// A connection and those events of a batch that are for it.
package struct Recipient: Equatable, Sendable {
  package let id: ConnectionID
  /// Milliseconds since the epoch.
  package let connectedAtMilliseconds: Int64
  package let dialect: Dialect
  /// In the order of the batch.
  package let matches: [Match]
  package let accepts: Accepts
  /// The topics its rows were found under.
  package let topics: [Topic]
  /// Milliseconds since the epoch from which on nothing may be sent to it; nil: no end.
  package let untilMilliseconds: Int64?
  /// Until then its delivery may be paused (`ListenerRow.pausedUntilMilliseconds`); nil: it is not.
  package let pausedUntilMilliseconds: Int64?

  package struct Match: Equatable, Sendable {
    /// The event's index in the batch.
    package let event: Int
    package let shownAs: String

    package init(event: Int, shownAs: String) {
      self.event = event
      self.shownAs = shownAs
    }
  }
}
