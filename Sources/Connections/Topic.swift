import HTTPWire
package import Messaging

/// What a listener row stands under: the events of a type, of one key of a type, of a user, of a group.
package enum Topic: Hashable, Sendable {
  /// Every key of a type; a row may narrow it by prefixes of keys.
  case type(String)
  case key(type: String, key: String)
  case user(String)
  case group(String)
  /// Every connection there is: for announcements, and for counting and listing them.
  case everyone
  /// No event is for it: here stand the connections that an access key opened, by the key's hash.
  case accessKey(String)
  /// No event is for it: here stand the connections whose credential ends in that minute, counted from the epoch.
  case ending(minute: Int64)

  /// `t:{type}`, `t:{type}:{key}`, `u:{user}`, `g:{group}`, `a`, `k:{hash}`, `e:{minute}`, each part percent-encoded: no
  /// part holds a `:` or a `#`, so different topics have different names, and equal names are equal topics.
  package var name: String {
    switch self {
    case .type(let type): "t:\(PercentEncoding.encode(type))"
    case .key(let type, let key): "t:\(PercentEncoding.encode(type)):\(PercentEncoding.encode(key))"
    case .user(let user): "u:\(PercentEncoding.encode(user))"
    case .group(let group): "g:\(PercentEncoding.encode(group))"
    case .everyone: "a"
    case .accessKey(let hash): "k:\(PercentEncoding.encode(hash))"
    case .ending(let minute): "e:\(minute)"
    }
  }

  package static func == (left: Topic, right: Topic) -> Bool {
    switch (left, right) {
    case (.type(let left), .type(let right)), (.user(let left), .user(let right)),
      (.group(let left), .group(let right)), (.accessKey(let left), .accessKey(let right)):
      left.hasSameBytes(as: right)
    case (.key(let leftType, let leftKey), .key(let rightType, let rightKey)):
      leftKey.hasSameBytes(as: rightKey) && leftType.hasSameBytes(as: rightType)
    case (.ending(let left), .ending(let right)): left == right
    case (.everyone, .everyone): true
    default: false
    }
  }

  /// Types alone would put all keys of one type together.
  package func hash(into hasher: inout Hasher) {
    switch self {
    case .type(let text), .key(_, let text), .user(let text), .group(let text), .accessKey(let text):
      for byte in text.utf8 { hasher.combine(byte) }
    case .ending(let minute): hasher.combine(minute)
    case .everyone: hasher.combine(0)
    }
  }

  /// Delivery is paused of what is subscribed to, and of a user's stream while what waited for the user is on its way; never
  /// of a group's or the announcements.
  var mayBePaused: Bool {
    switch self {
    case .type, .key, .user: true
    case .group, .everyone, .accessKey, .ending: false
    }
  }

  /// A user's own connections are few, and so are a key's, or those that end in one minute: they stand in one
  /// partition, whatever the shards, and are read with one query.
  var isInOnePartition: Bool {
    switch self {
    case .user, .accessKey, .ending: true
    case .type, .key, .group, .everyone: false
    }
  }

  /// Whether it is that of one user, or of a group.
  var isOfAudience: Bool {
    switch self {
    case .user, .group: true
    case .type, .key, .everyone, .accessKey, .ending: false
    }
  }

  /// Whether a connection stands there because it asked for it.
  var isSubscribed: Bool {
    switch self {
    case .type, .key: true
    case .user, .group, .everyone, .accessKey, .ending: false
    }
  }

  /// Where those stand that asked for events of a type, or of one key of it.
  static func subscribed(type: String, key: String?) -> [Topic] {
    key.map { [.type(type), .key(type: type, key: $0)] } ?? [.type(type)]
  }

  /// The topics whose listeners an event of that audience is for; a listener may stand under several of them.
  package static func topics(of event: Event) -> [Topic] {
    switch event.audience {
    case .everyone where event.type.hasSameBytes(as: Event.announcement): [.everyone]
    case .everyone: subscribed(type: event.type, key: event.key)
    case .user(let user): [.user(user)]
    case .group(let group): [.group(group)]
    }
  }
}

extension Sequence<Topic> {
  /// Those where a connection stands without asking first, each part in the order of the names: the same write is the same
  /// bytes in every process, and what decides on a user's events is written together with the connection's own row.
  func ordered() -> [Topic] {
    map { (rank: $0.isSubscribed ? 1 : 0, name: $0.name, topic: $0) }
      .sorted { ($0.rank, $0.name) < ($1.rank, $1.name) }.map(\.topic)
  }
}
