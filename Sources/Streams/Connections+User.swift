package import ConnectionStore
import Messaging

extension Connections {
  /// The listener rows of one person's connections, also of those that left without a word: everything that was written
  /// before is seen.
  package func connections(of user: String) throws(TableError) -> [ListenerRow] {
    var query = Query(Keys.listeners(.user(user), shard: 0), limit: 1000, .strong)
    var rows: [ListenerRow] = []
    while true {
      let page = try table.query(query)
      rows += page.items.compactMap(ListenerRow.init)
      guard let next = page.next else { return rows }
      query.after = next
    }
  }
}
