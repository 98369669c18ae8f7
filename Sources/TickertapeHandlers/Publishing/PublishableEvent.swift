import JSON

/// One event, as a publisher hands it over.
///
///     PublishableEvent(type: "price:update", data: #"{"price":152.50}"#, key: "AAPL")
///
/// `Docs/protocol.md` of the project says what clients get of it. Limits: `type` and a group have 128 bytes, every
/// other name 256, the whole event 96 KB.
public struct PublishableEvent: Equatable, Sendable {
  /// Whom an event is for.
  public enum Audience: Equatable, Sendable {
    /// Everyone who subscribed to its type and whose role may see it.
    case everyone
    /// One user, on all of that user's connections.
    case user(String)
    /// The members of a group.
    case group(String)
  }

  /// How urgent an event is.
  public enum Priority: String, Sendable {
    /// Newer events of its key may replace it where a client does not keep up.
    case normal
    /// It is never held back and never replaced.
    case high
  }

  /// What happened: `price:update`.
  public var type: String
  /// One JSON value as text. Clients get the very bytes: `152.50` stays `152.50`.
  public var data: String
  /// Whom it is for.
  public var audience: Audience
  /// Which one it is about: `AAPL`. Only the newest event of a key matters to who comes late.
  public var key: String?
  /// Nil: `normal`.
  public var priority: Priority?
  /// By which the log lines of all functions about it are found.
  public var correlationID: String?
  /// Events with the same one are published once. Nil: `EventPublisher` makes one up, so that what it sends again after
  /// a lost answer is published once.
  public var idempotencyKey: String?

  /// An event for everyone, unless an audience is named.
  public init(
    type: String, data: String, audience: Audience = .everyone, key: String? = nil, priority: Priority? = nil,
    correlationID: String? = nil, idempotencyKey: String? = nil
  ) {
    self.type = type
    self.data = data
    self.audience = audience
    self.key = key
    self.priority = priority
    self.correlationID = correlationID
    self.idempotencyKey = idempotencyKey
  }

  /// One member of the Publisher's payload. `data` must be valid.
  func encode(to writer: inout JSONWriter, idempotencyKey madeUp: String) {
    writer.object { writer in
      writer.member("type", type)
      switch audience {
      case .everyone: break
      case .user(let user): writer.member("user", user)
      case .group(let group): writer.member("group", group)
      }
      writer.member("key", ifPresent: key)
      writer.member("priority", ifPresent: priority?.rawValue)
      writer.member("correlationId", ifPresent: correlationID)
      writer.member("idempotencyKey", idempotencyKey ?? madeUp)
      writer.member("data", raw: data.utf8)
    }
  }
}
