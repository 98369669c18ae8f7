import ConnectionStore
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
  package var subscriptions: Subscriptions
  /// Counts the changes: every write says which one it saw.
  package internal(set) var revision: Int64 = 1
  /// Seconds since the epoch, set when the row is written first; the listener rows expire with the connection.
  package internal(set) var expires: Int64?

  /// API Gateway closes a connection after two hours; a quarter of an hour more covers clocks and late invocations.
  static let lifetimeSeconds: Int64 = 2 * 60 * 60 + 15 * 60

  package init(
    id: ConnectionID, principal: Principal, dialect: Dialect = .typed, clientName: String? = nil,
    sourceAddress: String = "", connectedAtMilliseconds: Int64, subscriptions: Subscriptions = Subscriptions()
  ) {
    self.id = id
    self.principal = principal
    self.dialect = dialect
    self.clientName = clientName
    self.sourceAddress = sourceAddress
    self.connectedAtMilliseconds = connectedAtMilliseconds
    self.subscriptions = subscriptions
  }

  /// The topics of the person and the groups, where a connection listens without asking.
  var ownTopics: [Topic] {
    (principal.user.map { [.user($0)] } ?? []) + principal.groups.map(Topic.group)
  }

  /// Every topic under which a listener row of this connection may stand.
  package var topics: [Topic] { ownTopics + subscriptions.topics.ordered() }

  /// What should stand under a topic, nil: nothing.
  func filter(of topic: Topic) -> ListenerFilter? {
    ownTopics.contains(topic) ? ListenerFilter() : subscriptions.filter(of: topic)
  }

  // MARK: Item

  func item(by writer: String) -> Item {
    var item = Item(
      Keys.connection(id),
      [
        "v": .number(1), "rev": .number(revision), "by": .string(writer), "at": .number(connectedAtMilliseconds),
        "address": .string(sourceAddress), "dialect": .string(dialect.rawValue),
        "subs": .bytes(subscriptions.encoded()),
      ], expires: expires)
    if let user = principal.user { item["user"] = .string(user) }
    if let role = principal.role { item["role"] = .string(role.rawValue) }
    if !principal.groups.isEmpty { item["groups"] = .bytes(StringList.encode(principal.groups)) }
    if let clientName { item["client"] = .string(clientName) }
    return item
  }

  /// Nil for a tombstone that never had a connection, and for what this release does not understand.
  init?(_ item: Item, id: ConnectionID) {
    guard let connectedAt = item.number("at"), let revision = item.number("rev"),
      let subscriptions = item.bytes("subs").flatMap(Subscriptions.init(decoding:))
    else { return nil }
    self.init(
      id: id,
      principal: Principal(
        user: item.string("user"), role: item.string("role").flatMap(Role.init),
        groups: item.bytes("groups").flatMap(StringList.decode) ?? []),
      dialect: item.string("dialect").flatMap(Dialect.init) ?? .typed, clientName: item.string("client"),
      sourceAddress: item.string("address") ?? "", connectedAtMilliseconds: connectedAt, subscriptions: subscriptions)
    self.revision = revision
    expires = item.expires
  }
}
