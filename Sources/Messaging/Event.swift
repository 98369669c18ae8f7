/// Something that happened, as a publisher tells it and a client gets it.
package struct Event: Equatable, Sendable {
  /// What it is: `price:update`.
  package var type: String
  /// Which one: `AAPL`.
  package var key: String?
  package var audience: Audience
  /// Of the form of its data, as the file of event types said when it was published; nil: the file does not have the type.
  package var version: Int?
  /// One JSON value, the very bytes the publisher wrote: `152.50` stays `152.50`.
  package var data: [UInt8]
  /// What its publisher put beside `data`, as a JSON object of its own; empty: nothing. It stands beside `data` in every
  /// frame.
  package var members: [UInt8]
  /// `{unix milliseconds}-{random}`, unique, not used for order.
  package var id: String
  /// RFC 3339.
  package var timestamp: String
  package var priority: Priority?
  package var correlationID: String?
  /// The same word again, from a retried batch or a second process, is the same event.
  package var idempotencyKey: String?
  /// Stands in for an idempotency key that the publisher gave none of: made of what names the message that the event
  /// came in. Two messages may happen to bear one name, so it makes one event only of events with the same content.
  package var messageKey: String?

  package init(
    type: String, key: String? = nil, audience: Audience = .everyone, version: Int? = nil, data: [UInt8],
    members: [UInt8] = [], id: String, timestamp: String, priority: Priority? = nil, correlationID: String? = nil,
    idempotencyKey: String? = nil, messageKey: String? = nil
  ) {
    self.version = version
    self.members = members
    self.type = type
    self.key = key
    self.audience = audience
    self.data = data
    self.id = id
    self.timestamp = timestamp
    self.priority = priority
    self.correlationID = correlationID
    self.idempotencyKey = idempotencyKey
    self.messageKey = messageKey
  }

  /// The type of what is announced: sent to everyone, it reaches every connection whose role may see it, whatever it asked
  /// for (`Docs/decisions/0009-announcements.md`).
  package static let announcement = "announcement"

  /// The events that one stream orders among themselves.
  package var stream: String {
    switch audience {
    case .everyone: "all/\(type)"
    case .user(let user): "user/\(user)"
    case .group(let group): "group/\(group)"
    }
  }
}

/// Whom an event is for.
package enum Audience: Hashable, Sendable {
  /// Everyone who subscribed to its type and whose role may see it.
  case everyone
  /// One user, on all of that user's connections.
  case user(String)
  /// The members of a group.
  case group(String)
}

/// `high` is never held back or folded.
package enum Priority: String, Sendable {
  case normal
  case high
}
