package import Messaging

/// The row of one connection.
package struct ConnectionRecord: Equatable, Sendable {
  package let id: ConnectionID
  package let principal: Principal
  package let dialect: Dialect
  /// The name the client gave itself (`client_id`), if any; told in `status`, not used for anything else.
  package let clientName: String?
  package let sourceAddress: String
  /// Milliseconds since the epoch.
  package let connectedAtMilliseconds: Int64
  /// When what it came in with expires, in milliseconds since the epoch; nil: never.
  package internal(set) var untilMilliseconds: Int64?
  /// The hashes of the access keys that opened it.
  package let keyHashes: [String]
  package var subscriptions: Subscriptions
  /// What its client said in `hello`; empty: it said none.
  package internal(set) var accepts: Accepts = []
  /// Whether its client is to be greeted, and whether it was.
  package internal(set) var greeting: GreetingState
  package internal(set) var liveness: Liveness
  /// The names of the topics that a later hello added to types that were followed, until the state of their keys was shown:
  /// the cursor of that hello tells only how far the client is in what it followed before.
  package internal(set) var owed: [String] = []
  /// What is left of its right to change things.
  var bucket = TokenBucket()
  /// Until when senders that meet its listener rows ask whether its delivery is paused, in milliseconds since the epoch;
  /// stands in the rows that are written with this change only.
  var pausedUntilMilliseconds: Int64?
  /// By what its log lines are found together; nil: its row is older than that.
  package let correlationID: CorrelationID?
  /// Counts the changes: every write says which one it saw.
  package internal(set) var revision: Int64 = 1
  /// Seconds since the epoch, set when the row is written first; the listener rows expire with the connection.
  package internal(set) var expires: Int64?

  package init(
    id: ConnectionID, principal: Principal, dialect: Dialect = .typed, clientName: String? = nil,
    sourceAddress: String = "", connectedAtMilliseconds: Int64, untilMilliseconds: Int64? = nil,
    keyHashes: [String] = [], correlationID: CorrelationID? = nil, subscriptions: Subscriptions = Subscriptions(),
    expectsGreeting: Bool = false
  ) {
    self.id = id
    self.principal = principal
    self.dialect = dialect
    self.clientName = clientName
    self.sourceAddress = sourceAddress
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.untilMilliseconds = untilMilliseconds
    self.keyHashes = keyHashes
    self.correlationID = correlationID
    self.subscriptions = subscriptions
    greeting = expectsGreeting ? .due : .none
    liveness = Liveness(lastActivityMilliseconds: connectedAtMilliseconds)
  }

  /// Whether its client has said hello on this connection.
  package var hasSaidHello: Bool { accepts.contains(.parts) }

  /// What the client said in `hello`.
  /// What its URL said of batches holds whatever its hello says.
  package mutating func accept(_ accepts: Accepts) {
    self.accepts = accepts.union(self.accepts.intersection(.timedBatches))
  }

  /// The topics of everyone, the user, the groups, the keys and the end, where a connection stands without asking.
  var ownTopics: [Topic] {
    let end = untilMilliseconds.map { [Topic.ending(minute: $0 / 60_000)] } ?? []
    return [.everyone] + (principal.user.map { [.user($0)] } ?? []) + principal.groups.map(Topic.group)
      + keyHashes.map(Topic.accessKey) + end
  }

  /// The topics whose rows hold what the connection asked for: its user's, its groups'.
  private var audienceTopics: [Topic] { ownTopics.filter(\.isOfAudience) }

  /// Makes a change of what it is subscribed to. Returns the topics whose listener rows must be written or deleted.
  mutating func apply(_ change: SubscriptionChange) -> Set<Topic> {
    let before = subscriptions.asked()
    let touched = subscriptions.apply(change)
    return subscriptions.asked() == before ? touched : touched.union(audienceTopics)
  }

  /// Every topic under which a listener row of this connection may stand.
  package var topics: [Topic] { ownTopics + subscriptions.topics.ordered() }

  /// The name an event is shown by to this connection; nil: it is not for it. Asked on every path that reads the log
  /// for one connection, and decides as its listener rows do for those who read them.
  package func shownName(of event: Event, types: EventTypeTable) -> String? {
    for topic in Topic.topics(of: event) {
      if let filter = filter(of: topic, for: event),
        let name = types.shownName(of: event, under: topic, role: principal.role, filter: filter)
      {
        return name
      }
    }
    return nil
  }

  /// What should stand under a topic, nil: nothing. `event`: what of it decides on this event is enough.
  func filter(of topic: Topic, for event: Event? = nil) -> ListenerFilter? {
    switch topic {
    case .type, .key: subscriptions.filter(of: topic)
    case .user, .group: ownTopics.contains(topic) ? ListenerFilter(asked: subscriptions.asked(for: event)) : nil
    case .everyone, .accessKey, .ending: ownTopics.contains(topic) ? ListenerFilter() : nil
    }
  }
}
