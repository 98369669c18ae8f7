package import ConnectionStore
import Messaging

extension Connections {
  /// The listener rows of one user's connections, also of those that left without a word: everything that was written
  /// before is seen.
  package func connections(of user: String) throws(TableError) -> [ListenerRow] {
    try table.items(of: Query(partition: ListenerRow.partition(.user(user), shard: 0))).compactMap(ListenerRow.init)
  }
}
