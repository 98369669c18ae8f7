package import ConnectionStore
import Messaging

/// Reads the rows of all connections, page by page: who is there, in which role, since when.
///
/// For example, of two connections of `u-1` and one without a user: three rows, spread over the shards. A connection that
/// left without a word is listed until an event or a ping finds it gone, at the longest until its row expires.
package struct ConnectionList {
  private let table: any Table
  private let shards: Int
  private var shard = 0
  private var query: Query

  package init(table: any Table, shards: Int, pageSize: Int = 1_000) {
    self.table = table
    self.shards = shards
    query = Self.query(shard: 0, pageSize: pageSize)
  }

  /// What changed within the last moments may be missing: a count is none the worse for it, and costs half.
  private static func query(shard: Int, pageSize: Int) -> Query {
    Query(partition: ListenerRow.partition(.everyone, shard: shard), limit: pageSize, consistency: .eventual)
  }

  /// The next rows, of one shard; nil after the last one. A page may be empty.
  package mutating func next() throws(TableError) -> [ListenerRow]? {
    guard shard < shards else { return nil }
    let page = try table.query(query)
    if let after = page.next {
      query.after = after
    } else {
      shard += 1
      query = Self.query(shard: shard, pageSize: query.limit)
    }
    return page.items.compactMap(ListenerRow.init)
  }
}
