package import ConnectionStore
import Messaging

extension Connections {
  /// The listener rows of one person's connections, also of those that left without a word: everything that was written
  /// before is seen. One query a shard, side by side.
  package func connections(of user: String) throws(TableError) -> [ListenerRow] {
    let queries = (0..<shards).map { Query(Keys.listeners(.user(user), shard: $0), .all, limit: 100, .strong) }
    var rows: [ListenerRow] = []
    for (query, first) in zip(queries, try table.pages(of: queries)) {
      var query = query
      var page = first
      rows += page.items.compactMap(ListenerRow.init)
      while let next = page.next {
        query.after = next
        page = try table.query(query)
        rows += page.items.compactMap(ListenerRow.init)
      }
    }
    return rows
  }
}
