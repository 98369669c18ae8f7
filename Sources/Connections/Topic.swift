package import ConnectionStore
package import Messaging

/// What a listener row stands under: the events of a type, of one key of a type, of a user, of a group.
package enum Topic: Hashable, Sendable {
  /// Every key of a type; a row may narrow it by prefixes of keys.
  case type(String)
  case key(type: String, key: String)
  case user(String)
  case group(String)
  /// No event is for it: here stand the connections that an access key opened, by the key's hash.
  case accessKey(String)
  /// No event is for it: here stand the connections whose credential ends in that minute, counted from the epoch.
  case ending(minute: Int64)

  /// `t:{type}`, `t:{type}:{key}`, `u:{user}`, `g:{group}`, `k:{hash}`, `e:{minute}`, each part percent-encoded: no part
  /// holds a `:` or a `#`, so different topics have different names, and equal names are equal topics.
  package var name: String {
    switch self {
    case .type(let type): "t:\(PercentEncoding.encode(type))"
    case .key(let type, let key): "t:\(PercentEncoding.encode(type)):\(PercentEncoding.encode(key))"
    case .user(let user): "u:\(PercentEncoding.encode(user))"
    case .group(let group): "g:\(PercentEncoding.encode(group))"
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
    default: false
    }
  }

  /// Types alone would put all keys of one type together.
  package func hash(into hasher: inout Hasher) {
    switch self {
    case .type(let text), .key(_, let text), .user(let text), .group(let text), .accessKey(let text):
      for byte in text.utf8 { hasher.combine(byte) }
    case .ending(let minute): hasher.combine(minute)
    }
  }

  /// A user's own connections are few, and so are a key's, or those that end in one minute: they stand in one
  /// partition, whatever the shards, and are read with one query.
  var isInOnePartition: Bool {
    switch self {
    case .user, .accessKey, .ending: true
    case .type, .key, .group: false
    }
  }

  /// The topics whose listeners an event of that audience is for; a listener may stand under several of them.
  package static func topics(of event: Event) -> [Topic] {
    switch event.audience {
    case .everyone:
      event.key.map { [.type(event.type), .key(type: event.type, key: $0)] } ?? [.type(event.type)]
    case .user(let user): [.user(user)]
    case .group(let group): [.group(group)]
    }
  }
}

extension Sequence<Topic> {
  /// In the order of their names: the same write is the same bytes in every process.
  func ordered() -> [Topic] {
    map { (name: $0.name, topic: $0) }.sorted { $0.name < $1.name }.map(\.topic)
  }
}

/// Where the rows of connections stand in the table.
package enum Keys {
  package static func connection(id: ConnectionID) -> ItemKey { ItemKey(partition: "c#\(id.text)", sort: "c") }

  package static func listeners(_ topic: Topic, shard: Int) -> String { "l#\(topic.name)#\(shard)" }

  package static func listener(_ topic: Topic, id: ConnectionID, shards: Int) -> ItemKey {
    ItemKey(partition: listeners(topic, shard: shard(of: id, of: topic.isInOnePartition ? 1 : shards)), sort: id.text)
  }

  /// The listeners of one topic are spread over `count` partitions: a DynamoDB partition takes 1,000 writes a second.
  package static func shard(of id: ConnectionID, of count: Int) -> Int { shard(ofText: id.text, of: count) }

  package static func shard(ofText text: String, of count: Int) -> Int {
    guard count > 1 else { return 0 }
    // FNV-1a: the same in every process and release, unlike Swift's own hashing.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Int((hash ^ hash >> 32) % UInt64(count))
  }
}

/// Parts of keys as text of `A-Za-z0-9._-` and `%`.
package enum PercentEncoding {
  package static func encode(_ text: String) -> String {
    if text.utf8.allSatisfy(isPlain) { return text }
    var encoded: [UInt8] = []
    encoded.reserveCapacity(text.utf8.count * 3)
    for byte in text.utf8 {
      if isPlain(byte) {
        encoded.append(byte)
      } else {
        encoded.append(UInt8(ascii: "%"))
        encoded.append(digit(byte >> 4))
        encoded.append(digit(byte & 15))
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }
}
