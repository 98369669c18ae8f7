package import ConnectionStore
import HTTPWire
import Messaging

/// One open stream of a user over HTTP: who counts a user's connections counts these too. `Docs/data-model.md`.
///
/// It is renewed while the stream is open. A function that dies leaves it, and it stops counting after `staleMilliseconds`.
package struct EventStreamRow: Equatable, Sendable {
  enum Attribute {
    static let version = "v"
    static let user = "user"
    static let opened = "at"
    static let heard = "heard"
    static let stream = "stream"
  }

  static let prefix = "es#"
  /// Without being renewed it counts no longer than this.
  package static let staleMilliseconds: Int64 = 30_000
  static let keptSeconds: Int64 = 3_600

  package let clientID: String
  package let user: String
  /// Milliseconds since the epoch.
  package let openedMilliseconds: Int64
  package let heardMilliseconds: Int64
  /// The route's name.
  package let stream: String

  package init(clientID: String, user: String, stream: String, openedMilliseconds: Int64, heardMilliseconds: Int64) {
    self.clientID = clientID
    self.user = user
    self.stream = stream
    self.openedMilliseconds = openedMilliseconds
    self.heardMilliseconds = heardMilliseconds
  }

  package static func partition(shard: Int) -> String { "\(prefix)\(shard)" }

  /// Before the sort keys of a user's streams.
  static func sortPrefix(user: String) -> String { "\(PercentEncoding.encode(user))/" }

  package static func key(user: String, clientID: String, shards: Int) -> ItemKey {
    ItemKey(
      partition: partition(shard: Shard.index(ofText: user, count: shards)),
      sort: sortPrefix(user: user) + PercentEncoding.encode(clientID))
  }

  func item(shards: Int) -> Item {
    Item(
      key: Self.key(user: user, clientID: clientID, shards: shards),
      attributes: [
        Attribute.version: .number(1), Attribute.user: .string(user), Attribute.opened: .number(openedMilliseconds),
        Attribute.heard: .number(heardMilliseconds), Attribute.stream: .string(stream),
      ], expires: heardMilliseconds / 1_000 + Self.keptSeconds)
  }

  static func renewal(atMilliseconds now: Int64) -> Change {
    var change = Change()
    change.set[Attribute.heard] = .number(now)
    change.expires = .at(now / 1_000 + keptSeconds)
    return change
  }

  /// Nil for a row that this release does not understand.
  init?(_ item: Item) {
    guard let user = item.string(Attribute.user), let opened = item.number(Attribute.opened),
      let heard = item.number(Attribute.heard), let slash = item.key.sort.utf8.lastIndex(of: UInt8(ascii: "/")),
      let clientID = PercentEncoding.decode(item.key.sort[item.key.sort.utf8.index(after: slash)...])
    else { return nil }
    self.init(
      clientID: clientID, user: user, stream: item.string(Attribute.stream) ?? "", openedMilliseconds: opened,
      heardMilliseconds: heard)
  }

  package func isStale(atMilliseconds now: Int64) -> Bool { now - heardMilliseconds > Self.staleMilliseconds }
}
