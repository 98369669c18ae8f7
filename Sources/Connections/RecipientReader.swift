package import ConnectionStore
import Messaging

/// Reads the recipients of a batch of events, page by page.
///
/// A keyed broadcast has listeners under two topics, and a connection may stand under both. The rows of every topic are
/// read in the order of their connections and merged, so each connection comes out once, however many there are and
/// with no more than a page of each topic in memory.
package struct RecipientReader {
  private let batch: EventBatch
  private let pageSize: Int
  private let shards: Int
  private let table: any Table
  private let types: EventTypeTable
  private var shard = 0
  private var cursors: [TopicCursor] = []
  private var lastFilters: [RowFilter] = []
  private var lastMatches: [Recipient.Match] = []
  private var lastTopics: [Topic] = []
  private var isShardOpen = false
  /// The cursors of the shards that come next, the nearest last.
  private var ahead: [[TopicCursor]] = []

  /// So many partitions are begun side by side: each answer of DynamoDB takes milliseconds, whatever it holds.
  private static let sideBySide = 16

  /// Where the reading stands: everything up to the connection named was returned.
  package private(set) var position: ListenerPosition

  /// Goes on after `position`, where an earlier reading of the same batch stopped.
  package init(
    _ batch: EventBatch, table: any Table, types: EventTypeTable, shards: Int, pageSize: Int = 500,
    after position: ListenerPosition? = nil
  ) {
    self.batch = batch
    self.table = table
    self.types = types
    // A batch is of one stream: either all of its topics are one user's, or none is.
    self.shards = batch.topics.allSatisfy(\.isInOnePartition) ? 1 : shards
    self.pageSize = pageSize
    self.position = position ?? ListenerPosition(shard: 0, after: "")
    shard = self.position.shard
  }

  /// The next page, ordered by connection within a shard; empty after the last one.
  package mutating func next() throws(TableError) -> [Recipient] {
    var page: [Recipient] = []
    while page.count < pageSize, shard < shards {
      if !isShardOpen { try open() }
      guard let id = try lowest() else {
        shard += 1
        position = ListenerPosition(shard: shard, after: "")
        isShardOpen = false
        continue
      }
      position = ListenerPosition(shard: shard, after: id)
      var rows: [(topic: Int, listener: ListenerRow)] = []
      for index in cursors.indices {
        if let item = cursors[index].consume(id: id), let listener = ListenerRow(item) {
          rows.append((index, listener))
        }
      }
      if let recipient = recipient(rows) { page.append(recipient) }
    }
    return page
  }

  /// Opens the shard at hand, and reads how it and the next ones begin.
  private mutating func open() throws(TableError) {
    if ahead.isEmpty {
      let count = min(shards - shard, max(1, Self.sideBySide / batch.topics.count))
      var begun = (shard..<shard + count).map(begin)
      let pages = try table.pages(of: begun.flatMap { $0.map(\.query) })
      for (index, page) in pages.enumerated() {
        begun[index / batch.topics.count][index % batch.topics.count].append(page, thenLimit: pageSize)
      }
      ahead = begun.reversed()
    }
    cursors = ahead.popLast() ?? []
    isShardOpen = true
  }

  /// Where much is begun at once, each begins small.
  private func begin(_ shard: Int) -> [TopicCursor] {
    let limit = batch.topics.count * min(shards, Self.sideBySide) <= 4 ? pageSize : min(pageSize, 200)
    let after = shard == position.shard && !position.after.isEmpty ? position.after : nil
    return batch.topics.map {
      let partition = ListenerRow.partition($0, shard: shard)
      return TopicCursor(Query(partition: partition, limit: limit, after: after, consistency: .strong))
    }
  }

  /// The lowest connection name at the head of any topic; nil when all are read.
  private mutating func lowest() throws(TableError) -> String? {
    var lowest: String?
    for index in cursors.indices {
      guard let head = try cursors[index].head(table: table) else { continue }
      if lowest.map({ head.utf8.lexicographicallyPrecedes($0.utf8) }) ?? true { lowest = head }
    }
    return lowest
  }

  private mutating func recipient(_ rows: [(topic: Int, listener: ListenerRow)]) -> Recipient? {
    guard let listener = rows.first?.listener else { return nil }
    // Nearly every connection wants what the one before wanted.
    if !rows.elementsEqual(lastFilters, by: { $1.isOf($0.listener, topic: $0.topic) }) {
      lastFilters = rows.map { RowFilter(topic: $0.topic, role: $0.listener.role, filter: $0.listener.filter) }
      lastMatches = matches(lastFilters)
      lastTopics = rows.map { batch.topics[$0.topic] }
    }
    guard !lastMatches.isEmpty else { return nil }
    return Recipient(
      id: listener.id, connectedAtMilliseconds: listener.connectedAtMilliseconds, dialect: listener.dialect,
      matches: lastMatches, accepts: listener.accepts, topics: lastTopics,
      untilMilliseconds: listener.untilMilliseconds,
      pausedUntilMilliseconds: rows.lazy.compactMap(\.listener.pausedUntilMilliseconds).max())
  }

  private func matches(_ filters: [RowFilter]) -> [Recipient.Match] {
    batch.events.enumerated().compactMap { index, event in
      for row in filters {
        let topic = batch.topics[row.topic]
        if let name = types.shownName(of: event, under: topic, role: row.role, filter: row.filter) {
          return Recipient.Match(event: index, shownAs: name)
        }
      }
      return nil
    }
  }

  /// What a row lets through.
  private struct RowFilter {
    let topic: Int
    let role: Role?
    let filter: ListenerFilter

    func isOf(_ row: ListenerRow, topic other: Int) -> Bool {
      topic == other && role == row.role && filter == row.filter
    }
  }
}

/// Where the reading of one topic stands.
private struct TopicCursor {
  private(set) var query: Query
  private var items: [Item] = []
  private var index = 0
  private var isRead = false

  init(_ query: Query) { self.query = query }

  /// The name of the connection that comes next.
  mutating func head(table: any Table) throws(TableError) -> String? {
    while index == items.count {
      if isRead { return nil }
      append(try table.query(query), thenLimit: query.limit)
    }
    return items[index].key.sort
  }

  /// Appends the page that its query asked for; the next ones hold as many as `thenLimit`.
  mutating func append(_ page: Page, thenLimit limit: Int) {
    items = page.items
    index = 0
    query.after = page.next
    query.limit = limit
    isRead = page.next == nil
  }

  /// The row of that connection, if it comes next.
  mutating func consume(id: String) -> Item? {
    guard index < items.count, items[index].key.sort == id else { return nil }
    defer { index += 1 }
    return items[index]
  }
}
