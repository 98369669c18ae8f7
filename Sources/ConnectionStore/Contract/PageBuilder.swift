/// Collects live items in order until the page is full, at the query's limit or at 1 MB.
package struct PageBuilder {
  private let limit: Int
  private var items: [Item] = []
  private var bytes = 0
  private var isCutShort = false

  package init(limit: Int) { self.limit = limit }

  /// Takes the next item, or answers false: the page is full and it belongs to the next one.
  package mutating func append(_ item: Item) -> Bool {
    guard items.count < limit, bytes < RequestRules.pageBytes else {
      isCutShort = true
      return false
    }
    items.append(item)
    bytes += item.size
    return true
  }

  package var page: Page { Page(items, next: isCutShort ? items.last?.key.sort : nil) }
}
