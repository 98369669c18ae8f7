/// A position among the listeners of a stream, which are read shard by shard in the order of their connections.
package struct ListenerPosition: Equatable, Sendable {
  package let shard: Int
  /// The connection that was served last; empty: none of this shard.
  package let after: String

  package init(shard: Int, after: String) {
    self.shard = shard
    self.after = after
  }
}
